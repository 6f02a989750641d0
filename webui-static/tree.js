/* The management tree as last known: opened level by level, and asked for anew where somebody wants to know. */
import { html, useState } from './lib/preact.js';
import { all, get, ofDevice, once, post } from './api.js';
import { useLoad } from './live.js';
import { ask, say } from './ask.js';
import { refine, to } from './route.js';
import { Age, Badge, Copy, Empty, Facts, Icon, Loaded, Trouble } from './ui.js';
import { useMay } from './who.js';

const KNOWN = {
    reported: ['ok', 'the device has reported it'],
    acknowledged: ['work', 'the device has said 200 to our change; not read back yet'],
    stale: ['wait', 'may have changed since'],
};
const parent = (uri) => uri.slice(0, uri.lastIndexOf('/'));
const name = (uri) => uri.slice(uri.lastIndexOf('/') + 1);

/* Command, address and data as an operation. */
async function command(id, v) {
    const data = v.command === 'get' || v.command === 'delete' || v.data === '' ? {} : { data: v.data };
    const done = await post(
        ofDevice(id, 'operations'),
        { kind: 'tree', command: v.command, uri: v.uri.trim(), ...(v.format ? { format: v.format } : {}), ...data },
        { headers: once() },
    );
    say(`${done.command} ${done.uri}: asked for`, { href: to('operations', done.id) });
    return done;
}

function allowedText({ kind, min, max, pattern, values, delimiter }) {
    if (kind === 'range') return `${min} to ${max}`;
    if (kind === 'pattern') return html`<code>${pattern}</code>`;
    if (values?.length)
        return `${values.map((v) => (v.label && v.label !== v.value ? `${v.value} ${v.label}` : v.value)).join(', ')}${delimiter ? ` (a list with ${delimiter} between)` : ''}`;
    return kind === 'any' ? 'anything' : kind;
}

/** What the description says of a node, and what can be done with it. */
async function about(id, node, may, fail) {
    try {
        const d = await get(ofDevice(id, 'tree', 'description') + `?uri=${encodeURIComponent(node.uri)}`);
        const can = d.access.filter((a) => ['get', 'replace', 'delete', 'exec'].includes(a)),
            choices = d.allowed.kind === 'enum' && !d.allowed.delimiter ? d.allowed.values : null;
        await ask({
            title: d.title || name(node.uri),
            yes: may && can.length ? 'Ask for it' : null,
            body: html`
                <p class="mono">${node.uri}</p>
                ${d.description && html`<p>${d.description}</p>`}
                <${Facts}
                    rows=${[
                        node.value !== null && ['Value', html`<code>${node.value}</code>`],
                        ['Format', d.format],
                        ['May', d.access.join(', ')],
                        d.format !== 'node' && ['Allowed', allowedText(d.allowed)],
                        d.default !== null && ['Default', d.default],
                        d.object && ['Object', html`<code>${d.object}</code>`],
                        ['Known', `${node.known}: ${(KNOWN[node.known] || [])[1] || ''}`],
                    ]}
                />
            `,
            fields:
                may && can.length
                    ? [
                          { name: 'command', label: 'Command', options: can, value: can[0] },
                          ...(can.includes('replace') || can.includes('exec')
                              ? [
                                    {
                                        name: 'data',
                                        label: `Data (for ${can.filter((c) => c === 'replace' || c === 'exec').join(', ')})`,
                                        value: node.value || '',
                                        hint: 'Carried out in the next session, for which the device is called. What policies keep is put back by them.',
                                        ...(choices
                                            ? {
                                                  options: choices.map((v) => ({
                                                      value: v.value,
                                                      label: `${v.value} ${v.label}`,
                                                  })),
                                              }
                                            : {}),
                                    },
                                ]
                              : []),
                      ]
                    : [],
            act: (v) => command(id, { data: '', ...v, uri: node.uri, format: d.format === 'node' ? '' : d.format }),
        });
    } catch (e) {
        fail(e);
    }
}

function Level({ id, uri, depth }) {
    const load = useLoad(
        `${id} ${uri}`,
        () => all(ofDevice(id, 'tree') + `?depth=1&uri=${encodeURIComponent(uri)}`, 5000),
        (type) => type === 'session' || type === 'kpi',
    );
    return html`
        <${Loaded} of=${load}>
            ${({ items }) => {
                const below = items.filter((n) => n.uri !== uri && parent(n.uri) === uri);
                return below.length ? html`
                    <ul role=${depth ? 'group' : 'tree'}>
                        ${below.map((n) => html`<${Node} key=${n.uri} id=${id} node=${n} depth=${depth} />`)}
                    </ul>
                ` : html`<${Empty}>Nothing is known below ${uri}.</${Empty}>`;
            }}
        </${Loaded}>
    `;
}

function Node({ id, node, depth }) {
    const [open, set] = useState(false);
    const [error, fail] = useState(null);
    const may = useMay();
    const inner = node.format === 'node' || node.value === null;
    const [tone, says] = KNOWN[node.known] || ['none', node.known];
    const key = (e) => {
        if (!inner || !['ArrowRight', 'ArrowLeft'].includes(e.key)) return;
        set(e.key === 'ArrowRight');
        e.preventDefault();
    };
    return html`
        <li role="treeitem" aria-expanded=${inner ? open : undefined}>
            <div class="node">
                ${inner ? html`
                    <button type="button" class="link" data-row onKeyDown=${key} onClick=${() => set(!open)}>
                        <${Icon} name=${open ? 'down' : 'next'} />
                        ${name(node.uri)}
                    </button>
                ` : html`
                    <span class="leaf" data-row tabindex="-1">
                        ${name(node.uri)}
                    </span>
                `}
                ${!inner && html`
                    <code class="value">
                        ${node.value === '' ? html`<span class="muted">empty</span>` : node.value}
                    </code>${' '}
                    <span class="muted fmt">${node.format}</span>
                `}
                ${node.known !== 'reported' && html`
                    ${' '}
                    <${Badge} tone=${tone} title=${says}>
                        ${node.known}
                    </${Badge}>
                `}
                <button
                    type="button"
                    class="quiet small tiny"
                    aria-label=${`About ${name(node.uri)}`}
                    onClick=${() => about(id, node, may, fail)}>
                    <${Icon} name="more" />
                </button>
                <span class="muted when">
                    <${Age} at=${node.at} never="" />
                </span>
            </div>
            <${Trouble} error=${error} />
            ${open && html`<${Level} id=${id} uri=${node.uri} depth=${depth + 1} />`}
        </li>
    `;
}

export function Tree({ id, query }) {
    const may = useMay();
    const root = query.get('uri') || '.';
    const [uri, type] = useState(root);
    const [error, fail] = useState(null);
    const free = async () => {
        fail(null);
        await ask({
            title: `A command for ${id}`,
            yes: 'Ask for it',
            text: 'It is carried out in the next session with the device, which is called now. What policies keep is put back by them.',
            fields: [
                {
                    name: 'command',
                    label: 'Command',
                    options: ['get', 'replace', 'add', 'delete', 'exec'],
                    value: 'get',
                },
                { name: 'uri', label: 'Address', value: root === '.' ? './' : root, required: true },
                {
                    name: 'format',
                    label: 'Format (replace, add)',
                    options: ['', 'chr', 'int', 'bool', 'b64', 'node', 'xml', 'null'],
                },
                { name: 'data', label: 'Data', type: 'lines' },
            ],
            act: (v) => command(id, v),
        });
    };
    return html`
        <form
            class="filter"
            onSubmit=${(e) => {
                e.preventDefault();
                refine(to('devices', id, 'tree', { uri: uri.trim().replace(/\/+$/, '') || '.' }));
            }}>
            <${Icon} name="search" />
            <input
                data-filter
                aria-label="Address in the tree"
                value=${uri}
                onInput=${(e) => type(e.target.value)}
                spellcheck=${false}
                autocomplete="off"
                placeholder="./Virtualization"
            />
            <button type="submit">Go</button>
            ${may && html`
                <button type="button" onClick=${free}>
                    Command…
                </button>
            `}
            <${Copy} text=${uri} label="Copy address" />
        </form>
        <${Trouble} error=${error} />
        <div class="tree panel">
            <${Level} id=${id} uri=${root} depth=${0} />
        </div>
    `;
}
