/* SPDX-License-Identifier: Apache-2.0 */
/* The devices: a table that filters, stays current and works by keys. */
import { html, useEffect, useState } from '../lib/preact.js';
import { authorities, useAuthority } from '../core/authority.js';
import { call, get } from '../core/api.js';
import { useAgain, useLiveBatch, useLoad, useStream } from '../core/live.js';
import { refine, to } from '../core/route.js';
import { Age, Badge, Chips, Empty, Icon, Loaded, Source, save } from '../parts/ui.js';
import { VmState } from '../parts/vmcard.js';
import { ask } from '../parts/ask.js';
import { SUMMARIES, count, summarySays, summaryTone, withEvents } from '../core/words.js';
import { useMay } from '../core/who.js';

const PAGE = 100;

/** A plain word looks for devices whose identity has it; everything else is the selector language. */
/** A selector has a comparison, a parenthesis or an attribute's name; anything else is looked for as it stands. */
const isSelector = (text) =>
    /[=<>()"]|\b(matches|in|and|or|not)\b|^(label|devinfo|devdetail|hypervisor|device)\./.test(text);

async function load({ filter, summary, why }, limit) {
    const items = [];
    let cursor = '';
    do {
        const asked = {
            limit: Math.min(1000, limit - items.length),
            ...(filter && (isSelector(filter) ? { filter } : { q: filter })),
            summary,
            why,
            cursor,
        };
        const page = await get('/devices?' + new URLSearchParams(Object.entries(asked).filter(([, v]) => v)));
        items.push(...page.items);
        cursor = page.next;
    } while (cursor && items.length < limit);
    return { items, more: !!cursor };
}

function pairs(text) {
    const labels = Object.create(null);
    for (const line of text
        .split('\n')
        .map((l) => l.trim())
        .filter(Boolean)) {
        const eq = line.indexOf('=');
        if (eq < 1) throw new Error(`"${line}": write key=value`);
        const key = line.slice(0, eq).trim();
        if (key in labels) throw new Error(`"${line}": ${key} is already ${labels[key]}`);
        labels[key] = line.slice(eq + 1).trim();
    }
    return labels;
}

export function showAccount(title, account) {
    const text = JSON.stringify(account, null, 2) + '\n';
    const keep = () => save('account.json', text, 'application/json');
    return ask({
        title,
        yes: 'I have kept it',
        text: 'These credentials are shown this once. Give them to the device: dmvisor-agent --account account.json',
        body: html`
            <${Source} text=${text} label="Account" />
            <p>
                <button type="button" onClick=${keep}>
                    Save as account.json
                </button>
            </p>
        `,
    });
}

/** For who may use several authorities and has chosen none. */
function authorityField() {
    const { chosen, names } = authorities();
    return names.length && !chosen
        ? [{ name: 'authority', label: 'Authority', options: names, value: names[0], hint: 'Whose device it is.' }]
        : [];
}

async function register() {
    const made = await ask({
        title: 'Register a device',
        yes: 'Register',
        fields: [
            {
                name: 'id',
                label: 'Identity',
                required: true,
                hint: 'As the device calls itself, like IMEI:001010000000017',
            },
            ...authorityField(),
            { name: 'title', label: 'Name (optional)' },
            {
                name: 'labels',
                label: 'Labels',
                type: 'lines',
                hint: 'One key=value on each line; policies select by them.',
            },
            {
                name: 'push',
                label: 'Push address (optional)',
                hint: 'host:port for a UDP notification. Without it the device is only reached when it polls.',
            },
            { name: 'auth', label: 'Authentication', options: ['md5', 'mac', 'basic'], value: 'md5' },
        ],
        act: async (v) =>
            (
                await call('POST', '/devices', {
                    json: {
                        id: v.id.trim(),
                        ...(v.authority ? { authority: v.authority } : {}),
                        ...(v.title ? { title: v.title } : {}),
                        labels: pairs(v.labels),
                        auth: v.auth,
                        ...(v.push ? { push: { channel: 'udp', address: v.push.trim() } } : {}),
                    },
                })
            ).data,
    });
    if (made) await showAccount(`${made.device.id} is registered`, made.account);
}

function Row({ d, both }) {
    return html`
        <tr data-device=${d.id}>
            <td>
                <a data-row href=${to('devices', d.id)}>
                    ${d.title || d.id}
                </a>
                ${d.title && html`<div class="muted mono">${d.id}</div>`}
                <div class="labels">
                    ${both && html`<span class="label">${d.authority}</span>`}
                    ${Object.entries(d.labels).map(([k, v]) => html`
                        <span class="label">
                            ${k}=${v}
                        </span>
                    `)}
                </div>
            </td>
            <td>
                <${Badge} tone=${summaryTone(d.summary)} title=${summarySays(d.summary)}>
                    ${d.summary}
                </${Badge}>
                ${d.why && html`
                    <div class="muted clip" title=${d.why}>
                        ${d.why}
                    </div>
                `}
            </td>
            <td data-th=${d.vms.length ? undefined : 'VMs'}>
                ${d.vms.length ? (
                    d.vms.map((v) => html`
                        <div class="vmline" data-vm=${v.id}>
                            <a class="soft" href=${to('devices', d.id, 'vms', v.id)}>
                                ${v.id}
                            </a>${' '}
                            <${VmState} vm=${v} />
                        </div>
                    `)
                ) : html`<span class="muted">none</span>`}
            </td>
            <td class="nowrap" data-th="Seen">
                <${Age} at=${d.seen} />
            </td>
        </tr>
    `;
}

export function Devices({ query }) {
    useStream('device,vm,session,policy');
    const may = useMay();
    const { chosen, names } = useAuthority(),
        both = names.length > 0 && !chosen;
    const filter = query.get('filter') || '',
        summary = query.get('summary') || '',
        why = summary && (query.get('why') || '');
    const [text, type] = useState(filter);
    const [limit, more] = useState(PAGE);
    const list = useLoad(
        `${filter}\n${summary}\n${why}\n${limit}`,
        () => load({ filter, summary, why }, limit),
        (kind, e) =>
            kind === 'policy' || // its devices are behind now
            (kind === 'device' && (e.change === 'created' || e.change === 'deleted' || (e.summary && summary))),
    );
    useAgain(list.reload);
    useLiveBatch((events) => list.patch((old) => ({ ...old, items: withEvents(old.items, events) })));
    useEffect(() => {
        const t = setTimeout(() => text !== filter && refine(to('devices', { filter: text, summary, why })), 350);
        return () => clearTimeout(t);
    }, [text]);
    const means = text && !isSelector(text);
    return html`
        <div class="row">
            <h1 tabindex="-1">Devices</h1>
            <span class="grow" />
            ${may && html`
                <button type="button" class="primary" onClick=${register}>
                    <${Icon} name="plus" />
                    Register
                </button>
            `}
        </div>
        <form
            class="filter"
            role="search"
            onSubmit=${(e) => {
                e.preventDefault();
                refine(to('devices', { filter: text, summary, why }));
            }}>
            <${Icon} name="search" />
            <input
                data-filter
                type="search"
                aria-label="Filter devices"
                aria-describedby="filter-hint"
                value=${text}
                onInput=${(e) => type(e.target.value)}
                spellcheck=${false}
                autocomplete="off"
                placeholder='0017  or  label.department == "sales"'
            />
        </form>
        <p id="filter-hint" class="hint">
            ${means ? html`
                Identity, name or a label contains <code>${text}</code>
            ` : html`
                A part of the identity, the name or a label, or a selector:${' '}
                <code>label.department in ("sales", "field") and hypervisor.arch == "aarch64"</code>
            `}
        </p>
        <${Chips}
            label="State"
            of=${['', ...SUMMARIES.slice().reverse()].map((s) => [s, s || 'all'])}
            value=${summary}
            place=${(s) => to('devices', { filter, summary: s })}
        />
        ${why && html`
            <p class=${`why t-${summaryTone(summary)}`}>
                Only those because of: ${why} <a href=${to('devices', { filter, summary })}>All ${summary}</a>
            </p>
        `}
        <${Loaded} of=${list}>
            ${({ items, more: rest }) =>
                items.length ? html`
                    <div class="scroll panel flush">
                        <table class="list devices">
                            <thead>
                                <tr>
                                    <th>Device</th>
                                    <th>State</th>
                                    <th>VMs</th>
                                    <th>Last seen</th>
                                </tr>
                            </thead>
                            <tbody>
                                ${items.map((d) => html`<${Row} key=${d.authority + d.id} d=${d} both=${both} />`)}
                            </tbody>
                        </table>
                    </div>
                    <p class="muted">
                        ${count(items.length, 'device')}
                        ${rest ? ' so far' : ''}${' '}
                        ${rest && html`
                            <button
                                type="button"
                                onClick=${() => more(limit + (limit < 1000 ? PAGE : 1000))}>
                                More
                            </button>
                        `}
                    </p>
                ` : html`
                    <${Empty}>
                        ${filter || summary ? 'No device fits.' : html`
                            No devices yet. ${may && 'Register the first one.'}
                        `}
                    </${Empty}>
                `
            }
        </${Loaded}>
    `;
}
