/* The management tree as last known: opened level by level, and asked for anew where somebody wants to know. */
import { html, useState } from './lib/preact.js';
import { all, ofDevice, once, post } from './api.js';
import { useLoad } from './live.js';
import { ask, say } from './ask.js';
import { refine, to } from './route.js';
import { Age, Badge, Copy, Empty, Icon, Loaded, Trouble } from './ui.js';
import { useMay } from './who.js';

const KNOWN = { reported: ['ok', 'the device has reported it'], acknowledged: ['work', 'the device has said 200 to our change; not read back yet'], stale: ['wait', 'may have changed since'] };
const parent = (uri) => uri.slice(0, uri.lastIndexOf('/'));
const name = (uri) => uri.slice(uri.lastIndexOf('/') + 1);

function Level({ id, uri, depth }) {
    const load = useLoad(`${id} ${uri}`, () => all(ofDevice(id, 'tree') + `?depth=1&uri=${encodeURIComponent(uri)}`, 5000), (type) => type === 'session' || type === 'kpi');
    return html`<${Loaded} of=${load}>${({ items }) => {
        const below = items.filter((n) => n.uri !== uri && parent(n.uri) === uri);
        return below.length ? html`<ul role=${depth ? 'group' : 'tree'}>${below.map((n) => html`<${Node} key=${n.uri} id=${id} node=${n} depth=${depth} />`)}</ul>` : html`<${Empty}>Nothing is known below ${uri}.</${Empty}>`;
    }}</${Loaded}>`;
}

function Node({ id, node, depth }) {
    const [open, set] = useState(false);
    const inner = node.format === 'node' || node.value === null;
    const [tone, says] = KNOWN[node.known] || ['none', node.known];
    const key = (e) => {
        if (!inner || !['ArrowRight', 'ArrowLeft'].includes(e.key))
            return;
        set(e.key === 'ArrowRight');
        e.preventDefault();
    };
    return html`<li role="treeitem" aria-expanded=${inner ? open : undefined}>
        <div class="node">${inner
            ? html`<button type="button" class="link" data-row onKeyDown=${key} onClick=${() => set(!open)}><${Icon} name=${open ? 'down' : 'next'} />${name(node.uri)}</button>`
            : html`<span class="leaf" data-row tabindex="-1">${name(node.uri)}</span>`}
            ${!inner && html`<code class="value">${node.value === '' ? html`<span class="muted">empty</span>` : node.value}</code> <span class="muted fmt">${node.format}</span>`}
            ${node.known !== 'reported' && html` <${Badge} tone=${tone} title=${says}>${node.known}</${Badge}>`}
            <span class="muted when"><${Age} at=${node.at} never="" /></span></div>
        ${open && html`<${Level} id=${id} uri=${node.uri} depth=${depth + 1} />`}</li>`;
}

export function Tree({ id, query }) {
    const may = useMay();
    const root = query.get('uri') || '.';
    const [uri, type] = useState(root);
    const [error, fail] = useState(null);
    const command = async () => {
        fail(null);
        const done = await ask({
            title: `A command for ${id}`, yes: 'Ask for it', text: 'It is carried out in the next session with the device, which is called now. What policies keep is put back by them.',
            fields: [
                { name: 'command', label: 'Command', options: ['get', 'replace', 'add', 'delete', 'exec'], value: 'get' }, { name: 'uri', label: 'Address', value: root === '.' ? './' : root, required: true },
                { name: 'format', label: 'Format (replace, add)', options: ['', 'chr', 'int', 'bool', 'b64', 'node', 'xml', 'null'] }, { name: 'data', label: 'Data', type: 'lines' },
            ],
            act: (v) => post(ofDevice(id, 'operations'), { kind: 'tree', command: v.command, uri: v.uri.trim(), ...(v.format ? { format: v.format } : {}), ...(v.data !== '' ? { data: v.data } : {}) }, { headers: once() }),
        });
        if (done)
            say(`${done.command} ${done.uri}: asked for`, { href: to('operations', done.id) });
    };
    return html`<form class="filter" onSubmit=${(e) => { e.preventDefault(); refine(to('devices', id, 'tree', { uri: uri.trim().replace(/\/+$/, '') || '.' })); }}>
            <${Icon} name="search" /><input data-filter aria-label="Address in the tree" value=${uri} onInput=${(e) => type(e.target.value)} spellcheck=${false} autocomplete="off" placeholder="./Virtualization" />
            <button type="submit">Go</button>${may && html`<button type="button" onClick=${command}>Command…</button>`}<${Copy} text=${uri} label="Copy address" /></form>
        <${Trouble} error=${error} /><div class="tree panel"><${Level} id=${id} uri=${root} depth=${0} /></div>`;
}
