/* SPDX-License-Identifier: Apache-2.0 */
/* One node of the tree: what it is, what is known of it, and what can be asked of it there and then. */
import { html, useEffect, useState } from '../lib/preact.js';
import { get, ofDevice, once, post } from '../core/api.js';
import { useLoad } from '../core/live.js';
import { to } from '../core/route.js';
import { ask } from './ask.js';
import { Asked, nameOf } from './asked.js';
import { Rights } from './rights.js';
import { Age, Badge, Choice, Copy, Empty, Facts, Time, Trouble } from './ui.js';
import { ValueField, allowedWords, valueWords } from './valuefield.js';
import { count } from '../core/words.js';
import { useMay } from '../core/who.js';

export const KNOWN = {
    reported: ['ok', 'the device has reported it'],
    acknowledged: ['work', 'the device has said 200 to our change, and has not reported it yet'],
    stale: ['wait', 'it may have changed since it was reported'],
};
const MAY = { get: 'read', add: 'add', replace: 'write', delete: 'delete', exec: 'execute', copy: 'copy' };
const PROPERTIES = ['ACL', 'Format', 'Name', 'Size', 'Title', 'TStamp', 'Type', 'VerNo'];
const LATEST = 4;
const WHERE = [
    ['now', 'Send at once'],
    ['list', 'Put on the list'],
];

/** What the descriptions say of an address; null when none speaks of it. */
export const describe = (id, uri) =>
    get(ofDevice(id, 'tree', 'description') + `?uri=${encodeURIComponent(uri)}`).catch((e) => {
        if (e.status === 404) return null;
        throw e;
    });

export const send = (id, command) =>
    post(ofDevice(id, 'operations'), { kind: 'tree', ...command }, { headers: once() });

/* Writing a value. What is wrong with it the server says before anything is sent to the device. */
function Write({ d, node, act, error }) {
    const now = node.value ?? '';
    const [value, set] = useState(now || d.default || '');
    const file = d.format === 'b64' || d.format === 'bin';
    const bad = error?.body?.pointer === '/data';
    return html`
        <form
            noValidate
            onSubmit=${(e) => {
                e.preventDefault();
                act({ command: 'replace', uri: node.uri, format: d.format, data: value });
            }}>
            <div class="field">
                <label for="node-value">New value</label>
                <${ValueField} id="node-value" d=${d} value=${value} set=${set} bad=${bad} />
                <p class="hint" id="node-value-allowed">
                    ${d.format}, ${allowedWords(d.allowed)}
                </p>
            </div>
            <button type="submit" class="primary" disabled=${!file && value === now}>
                Write
            </button>
        </form>
    `;
}

async function add(id, node, d, act) {
    const kinds = d.children.filter((c) => c.access.includes('add') || c.name === '');
    await ask({
        title: `Add below ${nameOf(node.uri)}`,
        yes: 'Add',
        body: kinds.length > 0 && html`
            <p class="muted">
                The description has here:${' '}
                ${kinds
                    .map((c) => `${c.name || 'any name'} (${c.format}${c.title ? `, ${c.title}` : ''})`)
                    .join('; ')}
                .
            </p>
        `,
        fields: [
            { name: 'name', label: 'Name', required: true, value: kinds.length === 1 ? kinds[0].name : '' },
            {
                name: 'format',
                label: 'Format',
                options: ['node', 'chr', 'int', 'bool', 'b64', 'xml', 'null'],
                value: kinds[0]?.format || 'node',
            },
            { name: 'data', label: 'Value (of a leaf)' },
        ],
        act: (v) =>
            act(
                {
                    command: 'add',
                    uri: `${node.uri}/${v.name.trim()}`,
                    format: v.format,
                    ...(v.format === 'node' ? {} : { data: v.data }),
                },
                true,
            ),
    });
}

const execute = (node, act) =>
    ask({
        title: `Execute ${nameOf(node.uri)}?`,
        danger: true,
        yes: 'Execute',
        text: 'The device does at once what this node is for.',
        fields: [{ name: 'data', label: 'Data (optional)' }],
        act: (v) => act({ command: 'exec', uri: node.uri, ...(v.data ? { data: v.data } : {}) }, true),
    });
const remove = (node, act) =>
    ask({
        title: `Delete ${nameOf(node.uri)}?`,
        danger: true,
        yes: 'Delete',
        text: `${node.uri} and all below it are removed from the device.`,
        act: () => act({ command: 'delete', uri: node.uri }, true),
    });

function Acts({ id, node, d, act, rights }) {
    const inner = node.value === null,
        can = d ? d.access : ['get', 'add', 'delete', 'exec'];
    const [property, choose] = useState('ACL');
    return html`
        <div class="acts">
            ${can.includes('get') && html`
                <button type="button" onClick=${() => act({ command: 'get', uri: node.uri })}>
                    Read now
                </button>
            `}
            ${inner && can.includes('get') && html`
                <button
                    type="button"
                    onClick=${() => act({ command: 'get', uri: `${node.uri}?list=StructData` })}>
                    Read all below
                </button>
            `}
            ${inner && can.includes('add') && html`
                <button type="button" onClick=${() => add(id, node, d || { children: [] }, act)}>
                    Add…
                </button>
            `}
            ${can.includes('exec') && html`
                <button type="button" class="dangerous" onClick=${() => execute(node, act)}>
                    Execute…
                </button>
            `}
            ${can.includes('delete') && html`
                <button type="button" class="dangerous" onClick=${() => remove(node, act)}>
                    Delete…
                </button>
            `}
        </div>
        <div class="acts">
            <label class="inline">
                Property${' '}
                <select aria-label="Property" value=${property} onChange=${(e) => choose(e.target.value)}>
                    ${PROPERTIES.map((p) => html`<option value=${p}>${p}</option>`)}
                </select>
            </label>
            <button type="button" onClick=${() => act({ command: 'get', uri: `${node.uri}?prop=${property}` })}>
                Read property
            </button>
            <button type="button" onClick=${rights}>
                Access rights…
            </button>
        </div>
    `;
}

const times = (d) =>
    d.maxOccurs === null
        ? `${d.minOccurs} or more`
        : d.minOccurs === d.maxOccurs
          ? `${d.minOccurs}`
          : `${d.minOccurs} to ${d.maxOccurs}`;

/** `list`: where commands go that are to be sent with others. */
export function NodePanel({ id, node, list, close }) {
    const may = useMay();
    const [rights, look] = useState(false);
    const [where, go] = useState(list.open ? 'list' : 'now');
    const [asked, put] = useState([]);
    const [error, fail] = useState(null);
    const described = useLoad(`about ${id} ${node.uri}`, () => describe(id, node.uri)),
        d = described.data;
    useEffect(() => {
        put([]);
        fail(null);
        look(false);
    }, [node.uri]);
    useEffect(() => go(list.open ? 'list' : 'now'), [list.open]);
    const act = async (command, inside) => {
        fail(null);
        if (where === 'list') {
            list.add(command);
            return command;
        }
        try {
            const o = await send(id, command);
            put((old) => [o.id, ...old].slice(0, LATEST));
            return o;
        } catch (e) {
            if (inside) throw e; // the dialog says it
            fail(e);
        }
    };
    const [tone, says] = KNOWN[node.known] || ['none', node.known];
    return html`
        <aside class="panel about" aria-label=${`About ${nameOf(node.uri)}`}>
            <header class="row">
                <h2>${d?.title || nameOf(node.uri)}</h2>
                <span class="grow" />
                <button type="button" class="quiet small" onClick=${close}>
                    Close
                </button>
            </header>
            <p class="mono">
                ${node.uri} <${Copy} text=${node.uri} label="Copy address" />
            </p>
            <${Trouble} error=${described.error} retry=${described.reload} />
            ${d?.description && html`<p>${d.description}</p>`}
            ${d === null && html`
                <${Empty}>
                    No description speaks of it; <a href=${to('descriptions')}>upload the vendor's</a>.
                </${Empty}>
            `}
            <${Facts}
                rows=${[
                    node.value !== null && [
                        'Value',
                        node.value === '' ? html`<span class="muted">empty</span>` : html`
                            <code class="value">${valueWords(node.value, d?.allowed)}</code>
                        `,
                    ],
                    [
                        'Known',
                        html`
                        <${Badge} tone=${tone}>${node.known}</${Badge}> ${says}, <${Age} at=${node.at} /> (
                        <${Time} at=${node.at} />)
                        `,
                    ],
                    ['Format', `${d?.format || node.format}${node.encoding ? `, shown in ${node.encoding}` : ''}`],
                    d && ['One may', d.access.map((a) => MAY[a]).join(', ') || 'nothing'],
                    d && d.format !== 'node' && ['Allowed', allowedWords(d.allowed)],
                    d && d.default !== null && ['Default', html`<code>${d.default}</code>`],
                    d && ['There are', `${times(d)}${d.permanent ? ', permanent' : ''}`],
                    d?.safest && ['Safest', d.safest],
                    d?.object && ['Object', html`<code>${d.object}</code>`],
                    d?.notes?.deprecated && ['Deprecated', d.notes.deprecatedSince || 'yes'],
                    d?.notes?.osBuild && ['From build', d.notes.osBuild],
                    d?.document && ['Described by', d.document],
                ]}
            />
            ${may && html`
                <div class="do">
                    <${Choice} label="What is asked for here" of=${WHERE} value=${where} set=${go} />
                    ${d?.access.includes('replace') && d.format !== 'node' && html`
                        <${Write} key=${node.uri} d=${d} node=${node} act=${act} error=${error} />
                    `}
                    <${Trouble} error=${error} />
                    <${Acts} id=${id} node=${node} d=${d} act=${act} rights=${() => look(true)} />
                    <p class="hint" aria-live="polite">
                        ${where === 'list'
                            ? `Nothing is sent before you ask for the list, which has ${count(list.rows.length, 'command')}.`
                            : 'Done in the next session; the device is called for it. What a policy keeps it puts back.'}
                    </p>
                </div>
                ${rights && html`
                    <${Rights} key=${node.uri} uri=${node.uri} send=${(c) => send(id, c)} close=${() => look(false)} />
                `}
            `}
            ${asked.length > 0 && html`
                <ul class="asked" aria-live="polite">
                    ${asked.map((n) => html`<${Asked} key=${n} n=${n} uri=${node.uri} />`)}
                </ul>
            `}
        </aside>
    `;
}
