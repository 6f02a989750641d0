/* SPDX-License-Identifier: Apache-2.0 */
/* One device: what it is, what it runs, what is asked of it and what it would be told next. */
import { html, useState } from '../lib/preact.js';
import { call, get, ofDevice, once, post } from '../core/api.js';
import { useAgain, useLive, useLoad, useStream } from '../core/live.js';
import { go, to } from '../core/route.js';
import { Age, Badge, Empty, Facts, Icon, Loaded, Menu, Section, Tabs, Time, Trouble } from '../parts/ui.js';
import { ask, say } from '../parts/ask.js';
import { DeviceActs } from '../parts/acts.js';
import { askPerson } from '../parts/command.js';
import { send } from '../parts/node.js';
import { DeviceOperations } from './operations.js';
import { Desired, Plan } from '../parts/plan.js';
import { DeviceSessions } from './sessions.js';
import { Tree } from './tree.js';
import { VmCard } from '../parts/vmcard.js';
import { showAccount } from './devices.js';
import { assignmentTone, count, said, span, summarySays, summaryTone, withVmEvent } from '../core/words.js';
import { useMay } from '../core/who.js';

const TABS = [
    ['vms', 'VMs'],
    ['operations', 'Operations'],
    ['preview', 'Pending changes'],
    ['desired', 'Desired state'],
    ['tree', 'Tree'],
    ['sessions', 'Sessions'],
    ['facts', 'Details'],
];

function Labels({ device, reload }) {
    const may = useMay();
    const edit = () =>
        ask({
            title: 'Labels',
            yes: 'Save',
            text: 'One key=value on each line. Policies select by them: a change may bring a VM to this device or end one.',
            fields: [
                {
                    name: 'labels',
                    label: 'Labels',
                    type: 'lines',
                    value: Object.entries(device.labels)
                        .map(([k, v]) => `${k}=${v}`)
                        .join('\n'),
                },
                { name: 'title', label: 'Name', value: device.title },
            ],
            act: async (v) => {
                const labels = Object.fromEntries(Object.keys(device.labels).map((k) => [k, null]));
                for (const line of v.labels
                    .split('\n')
                    .map((l) => l.trim())
                    .filter(Boolean)) {
                    const eq = line.indexOf('=');
                    if (eq < 1) throw new Error(`"${line}": write key=value`);
                    labels[line.slice(0, eq).trim()] = line.slice(eq + 1).trim();
                }
                await call('PATCH', ofDevice(device.id), { json: { labels, title: v.title }, headers: once() });
                reload();
                say('Saved');
            },
        });
    return html`
        <div class="labels">
            ${Object.entries(device.labels).map(([k, v]) => html`
                <span class="label">
                    ${k}=${v}
                </span>
            `)}
            ${!Object.keys(device.labels).length && html`<span class="muted">no labels</span>`}
            ${may && html`
                <button type="button" class="quiet small" onClick=${edit}>
                    Edit
                </button>
            `}
        </div>
    `;
}

/** What was noticed when somebody called as this device. */
function Door({ device: { refusal, contested, certificate } }) {
    return html`
        ${refusal && html`
            <p class=${'why t-' + (refusal.letInSince ? 'none' : 'fail')}>
                ${refusal.letInSince ? 'Authenticated since it was refused' : 'Authentication failed'}${' '}
                (<${Age} at=${refusal.at} />, from ${refusal.remote}, ${refusal.times} times): ${refusal.why}
            </p>
        `}
        ${contested && html`
            <p class="why t-fail">
                Two devices call with this identity, from ${contested.addresses.join(' and ')}: their sessions end each
                other, last <${Age} at=${contested.at} />. Make new credentials and give them to the right one.
            </p>
        `}
        ${certificate?.endsSoon && html`
            <p class="why t-wait">
                Its client certificate ends <${Time} at=${certificate.until} />
            </p>
        `}
    `;
}

function Acts({ device, problem, reload }) {
    const act = (fn) => async () => {
        problem(null);
        try {
            await fn();
        } catch (e) {
            problem(e);
        }
    };
    const notification = act(async () => {
        const t = await post(
            ofDevice(device.id, 'notifications'),
            { why: 'asked for on the console' },
            { headers: once() },
        );
        say(t.state === 'failed' ? `It cannot be called: ${t.error || t.why}` : 'It is being called', {
            tone: t.state === 'failed' ? 'fail' : 'ok',
            href: to('devices', device.id, 'sessions'),
        });
    });
    const renew = act(async () => {
        const made = await ask({
            title: `New credentials for ${device.id}?`,
            danger: true,
            yes: 'Make new ones',
            text: 'The old ones end at once: the device cannot call until it has the new ones.',
            act: () => post(ofDevice(device.id, 'credentials')),
        });
        if (made) await showAccount(`New credentials of ${device.id}`, made.account);
    });
    const question = act(async () => {
        const o = await askPerson({
            title: `Prompt the user of ${device.id}`,
            yes: 'Ask',
            act: (command) => send(device.id, command),
        });
        if (o) go(to('operations', o.id));
    });
    const push = act(() =>
        ask({
            title: 'How to call it',
            yes: 'Save',
            fields: [
                {
                    name: 'channel',
                    label: 'Channel',
                    options: ['none', 'udp', 'pap', 'sms'],
                    value: device.push.channel,
                },
                {
                    name: 'address',
                    label: 'Address',
                    value: device.push.address || '',
                    hint: 'udp: host:port. Without a channel it is reached only when it polls.',
                },
            ],
            act: async (v) => {
                await call('PATCH', ofDevice(device.id), {
                    json: {
                        push: {
                            channel: v.channel,
                            ...(v.channel === 'none' ? {} : { address: v.address.trim() }),
                        },
                    },
                });
                say('Saved');
                reload();
            },
        }),
    );
    const record = act(async () => {
        await call('PATCH', ofDevice(device.id), { json: { record: device.record ? null : true } });
        say(
            device.record
                ? 'Its sessions are recorded as those of others'
                : 'All its sessions are recorded from now on',
        );
        reload();
    });
    const forget = act(async () => {
        const names = (await get(ofDevice(device.id, 'vms'))).items.map((v) => v.id);
        const done = await ask({
            title: `Forget ${device.id}?`,
            danger: true,
            yes: 'Forget it',
            text:
                'All that is known of it is removed here, and it cannot call any more. ' +
                (names.length
                    ? `Its VMs (${names.join(', ')}) stay on it, unmanaged, whatever a policy's onLeave says.`
                    : 'It has no VMs.'),
            act: async () => {
                await call('DELETE', ofDevice(device.id) + (names.length ? '?force=true' : ''));
                return true;
            },
        });
        if (done) {
            say(`${device.id} is deleted`);
            go(to('devices'));
        }
    });
    return html`
        <div class="acts">
            <button type="button" onClick=${notification} data-act="notification">
                <${Icon} name="call" />
                Call now
            </button>
            <${Menu} label="More">
                <${DeviceActs} mo=${device.layout} operations=${device.operations} device=${device.id} problem=${problem} />
                <button type="button" onClick=${question}>
                    Prompt user…
                </button>
                <hr />
                <button type="button" onClick=${push}>
                    Push address…
                </button>
                <button type="button" onClick=${record}>
                    ${device.record ? 'Stop recording all sessions' : 'Record all its sessions'}
                </button>
                <button type="button" class="dangerous" onClick=${renew}>
                    New credentials…
                </button>
                <button type="button" class="dangerous" onClick=${forget}>
                    Forget this device…
                </button>
            </${Menu}>
        </div>
    `;
}

function DevicePolicies({ policies }) {
    if (!policies.length) return html`<${Empty}>No policy selects this device.</${Empty}>`;
    return html`
        <ul class="rows">
            ${policies.map((p) => html`
                <li class="item">
                    <div class="row">
                        <a href=${to('policies', p.name)}>${p.name}</a>${' '}
                        <span class="muted">revision ${p.revision}</span>
                        <${Badge} tone=${assignmentTone(p.state)}>${p.state}</${Badge}>
                        ${p.selected === 'unknown' && html`
                            ${' '}
                            <${Badge}
                                tone="wait"
                                title="The device has not told yet what the selector asks for; nothing is changed until it has">
                                not known whether it fits
                            </${Badge}>
                        `}
                        <span class="grow" />
                        ${p.at && html`
                            <span class="muted">
                                <${Age} at=${p.at} />
                            </span>
                        `}
                    </div>
                    ${p.why && html`<p class="muted">${p.why}</p>`}
                </li>
            `)}
        </ul>
    `;
}

function Vms({ id, device, vms }) {
    return html`
        <div class="two wide-left">
            <div class="stack">
                <h2 class="sr">Virtual machines</h2>
                <${Loaded} of=${vms}>
                    ${({ items }) =>
                        items.length ? html`
                            <div class="cards">
                                ${items.map((vm) => html`
                                    <${VmCard} key=${vm.id} device=${id} vm=${vm} reload=${vms.reload} />
                                `)}
                            </div>
                        ` : html`
                            <div class="panel">
                                <${Empty}>
                                    ${device.seen
                                        ? 'It has no VMs, and no policy wants one here.'
                                        : 'The device has not connected yet, so its VMs are not known.'}
                                </${Empty}>
                            </div>
                        `
                    }
                </${Loaded}>
            </div>
            <${Section} id="policies" title="Policies">
                <${DevicePolicies} policies=${device.policies} />
            </${Section}>
        </div>
    `;
}

function Preview({ id }) {
    const load = useLoad(
        id,
        () => get(ofDevice(id, 'preview')),
        (type) => type !== 'kpi',
    );
    return html`
        <div class="panel">
            <${Loaded} of=${load}>${(plan) => html`<${Plan} plan=${plan} />`}</${Loaded}>
        </div>
    `;
}

function Wanted({ id }) {
    const load = useLoad(
        id,
        () => get(ofDevice(id, 'desired')),
        (type) => type === 'policy' || type === 'device',
    );
    return html`
        <div class="panel">
            <${Loaded} of=${load}>${(d) => html`<${Desired} desired=${d} />`}</${Loaded}>
        </div>
    `;
}

function factText(name, value) {
    if (value === '') return html`<span class="muted">empty</span>`;
    const unit = /KB$/.test(name) ? 'KiB' : /TimeS$/.test(name) ? 's' : '';
    return unit && /^\d+$/.test(value) ? html`<span title=${value}>${said(Number(value), unit)}</span>` : value;
}

function AllFacts({ device }) {
    const groups = new Map();
    for (const [name, value] of Object.entries(device.facts || {})) {
        const group = name.split('.')[0];
        groups.set(group, [...(groups.get(group) || []), [name.slice(group.length + 1), value]]);
    }
    if (!groups.size)
        return html`
            <div class="panel">
                <${Empty}>It has not told anything yet.</${Empty}>
            </div>
        `;
    return html`
        <p class="hint">
            As the device has told them. Selectors can use them:${' '}
            <code>devinfo.man == "${device.facts['devinfo.man'] || 'Acme'}"</code>
        </p>
        <div class="columns">
            ${[...groups].map(([group, rows]) => html`
                <${Section} id=${'facts-' + group} title=${group}>
                    <${Facts}
                        rows=${rows.map(([k, v]) => [html`<span title=${`${group}.${k}`}>${k}</span>`, factText(k, v)])}
                    />
                </${Section}>
            `)}
        </div>
    `;
}

export function Device({ id, tab, query }) {
    useStream('device,vm,operation,policy,notification,session,image,kpi', id);
    const may = useMay();
    const [error, problem] = useState(null);
    const load = useLoad(
        id,
        () => get(ofDevice(id)),
        (type) => type !== 'kpi' && type !== 'notification',
    );
    const vms = useLoad(
        `vms ${id}`,
        () => get(ofDevice(id, 'vms')),
        (type) => ['device', 'vm', 'policy', 'operation'].includes(type),
    );
    useAgain(load.reload);
    useLive((type, e) => {
        if (type === 'vm' && e.object)
            vms.patch((old) => ({ ...old, items: old.items.map((v) => (v.id === e.vm ? withVmEvent(v, e) : v)) }));
        if (type === 'operation' && e.vm)
            vms.patch((old) => ({
                ...old,
                items: old.items.map((v) =>
                    v.operation?.id === e.id
                        ? {
                              ...v,
                              operation: { ...v.operation, percent: e.percent, state: e.state, reason: e.reason },
                          }
                        : v,
                ),
            }));
    });
    return html`
        <${Loaded} of=${load}>
            ${(d) => html`
                <p class="crumbs">
                    <a href=${to('devices')} data-up>
                        Devices
                    </a>
                </p>
                <div class="row head">
                    <div>
                        <h1 tabindex="-1">${d.title || d.id}</h1>
                        ${d.title && html`<div class="muted mono">${d.id}</div>`}
                    </div>
                    <${Badge} tone=${summaryTone(d.summary)} title=${summarySays(d.summary)}>
                        ${d.summary}
                    </${Badge}>
                    <span class="grow" />
                    ${may && html`<${Acts} device=${d} problem=${problem} reload=${load.reload} />`}
                </div>
                <${Trouble} error=${error} />
                ${d.refused ? html`
                    <p class="why t-fail">
                        Not let in: ${d.refused.why}, ${count(d.refused.times, 'time')}, last${' '}
                        <${Age} at=${d.refused.at} /> (<${Time} at=${d.refused.at} />) from ${d.refused.remote}. New
                        credentials are in the menu.
                    </p>
                ` : d.summary === 'overdue' ? html`
                    <p class="why t-wait">
                        It should call every ${said(d.pollS, 's')} and has last called <${Age} at=${d.seen} />.
                    </p>
                ` : d.why ? html`
                    <p class=${'why t-' + summaryTone(d.summary)}>${d.why}</p>
                ` : d.summary !== 'settled' ? html`
                    <p class=${'why t-' + summaryTone(d.summary)}>${summarySays(d.summary)}</p>
                ` : ''}
                ${(d.generation > d.observedGeneration) && ['new', 'pending', 'unreachable', 'overdue'].includes(d.summary) && html`
                    <p class="why t-wait">
                        Something was changed that it has not fetched yet;${' '}
                        ${d.push.channel === 'none'
                            ? 'it cannot be called, so this waits until it polls'
                            : 'it is called, and polls by itself'}
                        .
                    </p>
                `}
                <${Door} device=${d} />
                <div class="strip">
                    <span>
                        Last seen <${Age} at=${d.seen} />
                    </span>
                    ${d.facts?.['devinfo.man'] && html`
                        <span>
                            ${d.facts['devinfo.man']} ${d.facts['devinfo.mod']}
                        </span>
                    `}
                    ${d.facts?.['hypervisor.name'] && html`
                        <span>
                            ${d.facts['hypervisor.name']} on ${d.facts['hypervisor.arch']}
                        </span>
                    `}
                    <span>${d.userAgent || 'agent not known'}</span>
                    <span>
                        ${d.push.channel === 'none'
                            ? 'cannot be called'
                            : `called by ${d.push.channel} at ${d.push.address}`}
                    </span>
                    <span>
                        registered <${Time} at=${d.created} />
                    </span>
                    ${d.record && html`<span>all its sessions are recorded</span>`}
                </div>
                <${Labels} device=${d} reload=${load.reload} />
                <${Tabs}
                    label="About this device"
                    current=${tab}
                    tabs=${TABS.map(([k, t]) => [
                        k,
                        t,
                        to('devices', id, ...(k === 'vms' ? [] : [k])),
                        k === 'vms' ? vms.data?.items.length : 0,
                    ])}
                />
                ${tab === 'vms' && html`<${Vms} id=${id} device=${d} vms=${vms} />`}
                ${tab === 'operations' && html`
                    <div class="panel flush">
                        <${DeviceOperations} id=${id} />
                    </div>
                `}
                ${tab === 'preview' && html`<${Preview} id=${id} />`}
                ${tab === 'desired' && html`<${Wanted} id=${id} />`}
                ${tab === 'tree' && html`<${Tree} key=${query.get('uri')} id=${id} query=${query} />`}
                ${tab === 'sessions' && html`<${DeviceSessions} id=${id} query=${query} />`}
                ${tab === 'facts' && html`<${AllFacts} device=${d} />`}
            `}
        </${Loaded}>
    `;
}
