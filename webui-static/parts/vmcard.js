/* SPDX-License-Identifier: Apache-2.0 */
/* One VM as it stands: state, lock, what it should be, what is under way, and why. */
import { html, useState } from '../lib/preact.js';
import { call, ofDevice } from '../core/api.js';
import { to } from '../core/route.js';
import { Age, Badge, Facts, Progress, Trouble } from './ui.js';
import { VmActs } from './acts.js';
import { differs, useLayouts } from '../core/catalog.js';
import { operationLabel, operationTone, vmLabel, vmTone } from '../core/words.js';
import { useMay } from '../core/who.js';

export const VmState = ({ vm }) => html`
    <span class="states">
        <${Badge} tone=${vmTone(vm)}>${vmLabel(vm)}</${Badge}>
        ${vm.locked ? html`
            ${' '}
            <${Badge} tone="wait" icon="lock">
                ${vm.lockText === 'locked' || !vm.lockText ? 'Locked' : vm.lockText.replace(/-/g, ' ')}
            </${Badge}>
        ` : ''}
    </span>
`;

export const Verified = ({ vm }) =>
    vm.verified ? html`
        <span title="The device has reported this state after the last change, and runs with the resources asked for">verified</span>
    ` : html`
        <span class="muted" title="The device has not yet reported this state after the last change, or resources wait to be in force">
            not verified yet
        </span>
    `;

/** The operation that runs, with its progress. */
export function Running({ operation: o }) {
    if (!o) return null;
    return html`
        <div class="running">
            <a href=${to('operations', o.id)}>${operationLabel(o)}</a>${' '}
            <${Badge} tone=${operationTone(o.state)}>${o.state}</${Badge}>
            ${o.percent >= 0 && html`
                ${' '}
                <span class="num">${o.percent} %</span>
            `}
            <${Progress} percent=${o.percent} label=${`progress of ${o.kind}`} />
            ${o.reason && html`<span class="muted">${o.reason}</span>`}
        </div>
    `;
}

/** How often it has crashed; somebody says that he has seen it. */
function Crashes({ device, vm }) {
    const may = useMay();
    const [error, fail] = useState(null);
    const c = vm.crashes;
    const acknowledge = () => call('POST', ofDevice(device, 'vms', vm.id) + ':acknowledge').then(() => fail(null), fail);
    return html`
        <span class=${c.unacknowledged ? 't-fail ink' : ''}>
            ${c.total}${c.last && html`
                , the last one <${Age} at=${c.last} />
            `}${c.cause && `: ${c.cause}`}
        </span>
        ${c.unacknowledged > 0 && may && html`
            ${' '}
            <button type="button" class="small" data-act="acknowledge" onClick=${acknowledge}>
                Acknowledge
            </button>
        `}
        <${Trouble} error=${error} />
    `;
}

export function vmFacts(vm, device, layouts) {
    return [
        ['State', html`<${VmState} vm=${vm} />`],
        vm.stateSince && [
            'Since',
            html`<${Age} at=${vm.stateSince} />, <${Verified} vm=${vm} />`,
        ],
        vm.reasonText && vm.stateText !== 'missing' && ['Caused by', vm.reasonText],
        vm.goal && [
            'Wanted',
            html`
            <span class=${differs(layouts, vm) ? 't-wait ink' : ''}>
                ${vm.goal}
                ${vm.goalLocked ? ', locked' : ''}
            </span>
            ${vm.goalPolicy && html`
                ${' '}
                by <a href=${to('policies', vm.goalPolicy)}>${vm.goalPolicy}</a>
            `}
            `,
        ],
        vm.image && ['Image', vm.image],
        vm.crashes && ['Crashes', html`<${Crashes} device=${device} vm=${vm} />`],
    ];
}

/** Why it is not as it should be; what runs says so itself. */
export const Why = ({ vm }) => html`
    ${vm.problem && html`<p class="why t-fail">${vm.problem}</p>`}
    ${vm.why && vm.why !== vm.problem && !(vm.operation && vm.summary === 'working') && html`
        <p class=${'why t-' + (vm.summary === 'failed' ? 'fail' : vm.summary === 'waiting' ? 'wait' : 'work')}>
            ${vm.why}
        </p>
    `}
`;

export function VmCard({ device, vm, reload }) {
    const [error, fail] = useState(null);
    const missing = vm.stateText === 'missing',
        layouts = useLayouts();
    return html`
        <article class="card" data-vm=${vm.id} aria-label=${`VM ${vm.id}`}>
            <header class="row">
                <h3>
                    ${missing ? (
                        vm.id
                    ) : html`
                        <a data-row href=${to('devices', device, 'vms', vm.id)}>
                            ${vm.title || vm.id}
                        </a>
                    `}
                    ${vm.title && vm.title !== vm.id ? html`
                        ${' '}
                        <span class="muted mono">${vm.id}</span>
                    ` : ''}
                </h3>
            </header>
            <${Facts} rows=${vmFacts(vm, device, layouts)} />
            <${Why} vm=${vm} />
            <${Running} operation=${vm.operation} />
            <${Trouble} error=${error} />
            <${VmActs}
                device=${device}
                vm=${vm}
                problem=${fail}
                done=${() => {
                    fail(null);
                    reload();
                }}
            />
        </article>
    `;
}
