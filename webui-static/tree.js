/* The management tree as last known: opened level by level, with what the descriptions say; a node's own panel beside it. */
import { html, useEffect, useState } from './lib/preact.js';
import { all, ofDevice } from './api.js';
import { useLoad } from './live.js';
import { ask, say } from './ask.js';
import { refine, to } from './route.js';
import { Age, Badge, Empty, Icon, Loaded } from './ui.js';
import { KNOWN, NodePanel, describe, nameOf, send } from './node.js';
import { valueWords } from './valuefield.js';
import { count } from './words.js';
import { useMay } from './who.js';

const MOST = 5000,
    SHOWN = 200;
const parent = (uri) => uri.slice(0, uri.lastIndexOf('/'));

async function level(id, uri) {
    const [nodes, said] = await Promise.all([
        all(ofDevice(id, 'tree') + `?depth=1&uri=${encodeURIComponent(uri)}`, MOST),
        describe(id, uri),
    ]);
    const children = said?.children || [],
        any = children.find((c) => c.name === '');
    const below = nodes.items
        .filter((n) => n.uri !== uri && parent(n.uri) === uri)
        .map((n) => ({ ...n, said: children.find((c) => c.name === nameOf(n.uri)) || any }));
    return { self: nodes.items.find((n) => n.uri === uri), below };
}

function Level({ id, uri, depth, chosen, choose }) {
    const [shown, more] = useState(SHOWN);
    const load = useLoad(
        `${id} ${uri}`,
        () => level(id, uri),
        (type) => type === 'session' || type === 'kpi',
    );
    useEffect(() => {
        // what is shown beside stays as it is known
        const node = load.data && [load.data.self, ...load.data.below].find((n) => n?.uri === chosen);
        if (node) choose(node, true);
    }, [load.data, chosen]);
    return html`
        <${Loaded} of=${load}>
            ${({ below }) =>
                below.length ? html`
                    <ul role=${depth ? 'group' : 'tree'}>
                        ${below.slice(0, shown).map((n) => html`
                            <${Node} key=${n.uri} id=${id} node=${n} depth=${depth} chosen=${chosen} choose=${choose} />
                        `)}
                    </ul>
                    ${below.length > shown && html`
                        <button type="button" class="small" onClick=${() => more(shown * 5)}>
                            ${count(below.length - shown, 'more node')}
                        </button>
                    `}
                ` : html`<${Empty}>Nothing is known below ${uri}.</${Empty}>`
            }
        </${Loaded}>
    `;
}

function Node({ id, node, depth, chosen, choose }) {
    const inner = node.format === 'node' || node.value === null,
        here = chosen === node.uri;
    const [open, set] = useState(inner && chosen.startsWith(node.uri + '/'));
    const [tone, says] = KNOWN[node.known] || ['none', node.known];
    const key = (e) => {
        if (!inner || !['ArrowRight', 'ArrowLeft'].includes(e.key)) return;
        set(e.key === 'ArrowRight');
        e.preventDefault();
    };
    const press = () => {
        if (inner) set(!open || !here);
        choose(node);
    };
    const words = node.said?.title || node.said?.description || '';
    return html`
        <li role="treeitem" aria-expanded=${inner ? open : undefined} aria-selected=${here}>
            <div class=${'node' + (here ? ' here' : '')}>
                <button type="button" class="link" data-row onKeyDown=${key} onClick=${press}>
                    ${inner ? html`<${Icon} name=${open ? 'down' : 'next'} />` : html`<span class="leaf" />`}
                    ${nameOf(node.uri)}
                </button>
                ${!inner && html`
                    <code class="value">
                        ${node.value === '' ? html`<span class="muted">empty</span>` : (
                            valueWords(node.value, node.said?.allowed)
                        )}
                    </code>
                `}
                ${words && html`
                    <span class="muted says" title=${words}>
                        ${words}
                    </span>
                `}
                ${!words && html`<span class="grow" />`}
                ${node.known !== 'reported' && html`
                    <${Badge} tone=${tone} title=${says}>
                        ${node.known}
                    </${Badge}>
                `}
                <span class="muted when">
                    <${Age} at=${node.at} never="" />
                </span>
            </div>
            ${open && html`<${Level} id=${id} uri=${node.uri} depth=${depth + 1} chosen=${chosen} choose=${choose} />`}
        </li>
    `;
}

const free = (id, root) =>
    ask({
        title: `A command for ${id}`,
        yes: 'Ask for it',
        text: 'Any command to any address, done in the next session; the device is called now. Policies put theirs back.',
        fields: [
            {
                name: 'command',
                label: 'Command',
                options: ['get', 'replace', 'add', 'delete', 'exec', 'copy'],
                value: 'get',
            },
            {
                name: 'uri',
                label: 'Address',
                value: root === '.' ? './' : root,
                required: true,
                hint: 'With ?prop=ACL and the like, or to get with ?list=Struct, StructData or TNDS.',
            },
            {
                name: 'format',
                label: 'Format (replace, add)',
                options: ['', 'chr', 'int', 'bool', 'b64', 'node', 'xml', 'null'],
            },
            { name: 'data', label: 'Data (to copy: the address to copy from)', type: 'lines' },
        ],
        act: async (v) => {
            const bare = v.command === 'get' || v.command === 'delete' || v.data === '';
            const o = await send(id, {
                command: v.command,
                uri: v.uri.trim(),
                ...(v.format ? { format: v.format } : {}),
                ...(bare ? {} : { data: v.data }),
            });
            say(`${o.command} ${o.uri}: asked for`, { href: to('operations', o.id) });
        },
    });

export function Tree({ id, query }) {
    const may = useMay();
    const root = query.get('uri') || '.',
        chosen = query.get('node') || '';
    const [uri, type] = useState(root);
    const [node, show] = useState(null);
    const place = (more) => to('devices', id, 'tree', { uri: root === '.' ? '' : root, ...more });
    const choose = (n, known) => {
        show(n);
        if (!known) refine(place({ node: n.uri }));
    };
    const look = (e) => {
        e.preventDefault();
        refine(to('devices', id, 'tree', { uri: uri.trim().replace(/\/+$/, '') || '.' }));
    };
    return html`
        <form class="filter" onSubmit=${look}>
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
            ${root !== '.' && html`
                <a class="button" href=${to('devices', id, 'tree', { uri: parent(root) })}>
                    Up
                </a>
            `}
            ${may && html`
                <button type="button" onClick=${() => free(id, root)}>
                    Command…
                </button>
            `}
        </form>
        <div class=${chosen ? 'two beside' : ''}>
            <div class="tree panel">
                <${Level} id=${id} uri=${root} depth=${0} chosen=${chosen} choose=${choose} />
            </div>
            ${chosen && node?.uri === chosen && html`
                <${NodePanel}
                    id=${id}
                    node=${node}
                    close=${() => {
                        show(null);
                        refine(place({}));
                    }}
                />
            `}
        </div>
    `;
}
