/* SPDX-License-Identifier: Apache-2.0 */
/* A plan: what would be sent, what it waits for, and the message itself. */
import { html } from '../lib/preact.js';
import { to } from '../core/route.js';
import { Badge, Empty, Source, Time } from './ui.js';
import { count } from '../core/words.js';

const FOR = {
    discover: 'to learn',
    change: 'to change',
    verify: 'to verify',
    operation: 'operation',
    inquiry: 'to ask after',
    kpi: 'figures',
};

const LEFT = { keep: 'stays there, unmanaged', stop: 'is stopped', lock: 'is locked', remove: 'is removed with its data' };

/** What becomes of a policy's VMs that it leaves behind, in a sentence. */
export const left = (l) =>
    l.count
        ? `The VM ${l.vm} ${LEFT[l.onLeave]} on ${l.devices.join(', ')}${l.count > l.devices.length ? ` and ${l.count - l.devices.length} more` : ''} (onLeave: ${l.onLeave}).`
        : 'No device has a VM from it alone.';

export const Leaving = ({ leaving }) =>
    leaving.count ? html`<p class="why t-wait" data-leaving>${count(leaving.count, 'device')} would leave the policy. ${left(leaving)}</p>` : null;

function Step({ step }) {
    return html`
        <li>
            <span class="verb">${step.verb}</span> ${step.uri && html`<code class="uri">${step.uri}</code>`}
            ${step.data !== undefined && step.data !== '' && html`
                ${' '}
                = <code>${step.data}</code>
                ${step.format && html`
                    ${' '}
                    <span class="muted">${step.format}</span>
                `}
            `}
            <div class="muted">
                ${FOR[step.for] || step.for}
                ${step.why && `: ${step.why}`}
                ${step.operation ? html`
                    ${' '}
                    (<a href=${to('operations', step.operation)}>operation ${step.operation}</a>)
                ` : ''}
            </div>
            ${step.children?.length > 0 && html`
                <ol class="plan">
                    ${step.children.map((c) => html`<${Step} step=${c} />`)}
                </ol>
            `}
        </li>
    `;
}

const Waits = ({ waits }) =>
    waits.length ? html`
        <h3>What it waits for</h3>
        <ul class="waits">
            ${waits.map((w) => html`
                <li>
                    <${Badge} tone=${{ failed: 'fail', working: 'work' }[w.state] || 'wait'}>${w.state}</${Badge}>${' '}
                    ${w.vm && html`
                        <strong>${w.vm}</strong>:${' '}
                    `}
                    ${w.why}
                    ${w.code ? html`
                        ${' '}
                        <span class="code">code ${w.code}</span>
                    ` : ''}
                    ${w.until ? html`
                        ${' '}
                        <span class="muted">
                            until <${Time} at=${w.until} />
                        </span>
                    ` : ''}
                </li>
            `)}
        </ul>
    ` : null;

export function Plan({ plan }) {
    return html`
        ${plan.settled && !plan.steps.length ? html`
            <${Empty}>Nothing would be sent: the device is as its policies want it.</${Empty}>
        ` : !plan.steps.length ? html`
            <${Empty}>Nothing would be sent now.</${Empty}>
        ` : html`
            <h3>${count(plan.steps.length, 'command')} next, in this order</h3>
            <p class="muted">The answers decide what follows.</p>
            <ol class="plan">
                ${plan.steps.map((s) => html`<${Step} step=${s} />`)}
            </ol>
        `}
        <${Waits} waits=${plan.waits} />
        <details>
            <summary>The exact next message (SyncML)</summary>
            <p class="muted" data-message>
                The next message, ${plan.message} of ${plan.messages} that these commands take, with ${plan.stepsInMessage} of them:
            </p>
            <${Source} text=${plan.syncml} label="SyncML" />
        </details>
    `;
}

/* What a policy set once. */
const NoLongerSaid = ({ list, of }) =>
    list?.length ? html`
        <h4>${of ? `${of}: no` : 'No'} policy says it any more</h4>
        <ul class="waits">
            ${list.map((x) => html`
                <li>
                    <code title=${x.uri}>${x.name}</code>${' '}
                    ${{
                        default: html`goes back to its default, <code>${x.value || '""'}</code>`,
                        removed: 'is removed',
                        stays: `stays: ${x.why}`,
                    }[x.change]}
                    ${x.when ? `, ${x.when}` : ''}
                </li>
            `)}
        </ul>
    ` : null;

export function Desired({ desired }) {
    const losers = (v) =>
        v.losers
            ?.map(
                (l) =>
                    `${l.policy ?? ''}${l.revision ? ` r${l.revision}` : ''}: ${l.value ?? ''}${l.rule ? ` (${l.rule})` : ''}`,
            )
            .join('; ');
    const table = (values) => html`
        <div class="scroll">
            <table class="plain">
                <thead>
                    <tr>
                        <th>Setting</th>
                        <th>Value</th>
                        <th>From policy</th>
                        <th>Decided by</th>
                    </tr>
                </thead>
                <tbody>
                    ${values.map((v) => html`
                        <tr>
                            <td>
                                ${v.label}
                                <div class="muted mono">${v.name}</div>
                            </td>
                            <td>
                                <code title=${`${v.uri} = ${v.wire}`}>${v.value}</code>
                            </td>
                            <td>
                                <a href=${to('policies', v.policy)}>${v.policy}</a>${' '}
                                <span class="muted">r${v.revision}</span>
                            </td>
                            <td>
                                ${v.rule}
                                ${v.description ? ` (${v.description})` : ''}
                                ${v.losers?.length > 0 && html`<div class="muted">instead of ${losers(v)}</div>`}
                            </td>
                        </tr>
                    `)}
                </tbody>
            </table>
        </div>
    `;
    const vms = desired.vms || [],
        rest = Array.isArray(desired.device) ? desired.device : [];
    if (!vms.length && !rest.length && !desired.deviceNoLongerSaid?.length) return html`<${Empty}>No policy wants anything of this device.</${Empty}>`;
    return html`
        ${vms.map((vm) => html`
            <h3>
                VM ${vm.id}
                ${vm.state?.value ? html`: ${vm.state.value}` : ''}
                ${vm.locked?.value !== undefined
                    ? `, ${String(vm.locked.value) === 'true' ? 'locked' : 'unlocked'}`
                    : ''}
                ${vm.state?.policy && html`
                    ${' '}
                    <span class="muted">
                        by ${vm.state.policy} r${vm.state.revision}
                    </span>
                `}
            </h3>
            ${vm.problem && html`<p class="why t-fail">${vm.problem}</p>`}
            ${vm.held && html`<p class="why t-wait">${vm.held.why}</p>`}
            ${vm.left && html`
                <p class="why t-wait">
                    The device has left the policy ${vm.left.policy}: the VM ${LEFT[vm.left.onLeave]} (onLeave: ${vm.left.onLeave}).
                </p>
            `}
            ${vm.values.length > 0 && table(vm.values)}
            <${NoLongerSaid} list=${vm.noLongerSaid} />
        `)}
        ${rest.length > 0 && html`
            <h3>The device itself</h3>
            ${table(rest)}
        `}
        <${NoLongerSaid} of="The device itself" list=${desired.deviceNoLongerSaid} />
    `;
}
