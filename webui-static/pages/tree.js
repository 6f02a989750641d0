/* SPDX-License-Identifier: Apache-2.0 */
/* The management tree as last known: opened level by level, with what the descriptions say; a node's own panel beside it. */
import { html, useEffect, useState } from '../lib/preact.js';
import { all, ofDevice } from '../core/api.js';
import { useLoad } from '../core/live.js';
import { say } from '../parts/ask.js';
import { Asked, nameOf } from '../parts/asked.js';
import { askCommand, askPerson } from '../parts/command.js';
import { refine, to } from '../core/route.js';
import { Age, Badge, Empty, Icon, Loaded } from '../parts/ui.js';
import { KNOWN, NodePanel, describe, send } from '../parts/node.js';
import { Several, asCommand, useList } from '../parts/several.js';
import { valueWords } from '../parts/valuefield.js';
import { count, operationLabel } from '../core/words.js';
import { useMay } from '../core/who.js';

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

export function Tree({ id, query }) {
    const may = useMay();
    const root = query.get('uri') || '.',
        chosen = query.get('node') || '';
    const [uri, type] = useState(root);
    const [node, show] = useState(null);
    const list = useList(id);
    const place = (more) => to('devices', id, 'tree', { uri: root === '.' ? '' : root, ...more });
    const choose = (n, known) => {
        show(n);
        if (!known) refine(place({ node: n.uri }));
    };
    const look = (e) => {
        e.preventDefault();
        refine(to('devices', id, 'tree', { uri: uri.trim().replace(/\/+$/, '') || '.' }));
    };
    const request = async (command) => {
        const o = await send(id, command);
        list.follow(o.id);
        say(`${operationLabel(o)}: asked for`, { href: to('operations', o.id) });
        return o;
    };
    const again = (o) => list.set({ open: true, command: o.command, rows: [...list.rows, ...o.commands.map(asCommand)] });
    const free = () =>
        askCommand({
            title: `A command for ${id}`,
            yes: 'Ask for it',
            text: 'Any command to any address, done in the next session; the device is called now. Policies put theirs back.',
            of: { uri: root === '.' ? './' : root },
            act: request,
        });
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
                placeholder="./DevDetail"
            />
            <button type="submit">Go</button>
            ${root !== '.' && html`
                <a class="button" href=${to('devices', id, 'tree', { uri: parent(root) })}>
                    Up
                </a>
            `}
            ${may && html`
                <button type="button" onClick=${free}>
                    Command…
                </button>
                <button type="button" aria-expanded=${list.open} onClick=${() => list.set({ open: !list.open })}>
                    Several as one…
                </button>
                <button
                    type="button"
                    onClick=${() => askPerson({ title: `Prompt the user of ${id}`, yes: 'Ask', act: request })}>
                    Prompt user…
                </button>
            `}
        </form>
        ${may && list.open && html`<${Several} list=${list} root=${root} send=${request} />`}
        ${list.asked.length > 0 && html`
            <section class="panel" aria-label="Asked for here">
                <div class="row">
                    <h2>Asked for here</h2>
                    <span class="grow" />
                    <button type="button" class="quiet small" onClick=${() => list.set({ asked: [] })}>
                        Clear
                    </button>
                </div>
                <ul class="asked first" aria-live="polite">
                    ${list.asked.map((n) => html`<${Asked} key=${n} n=${n} again=${may && again} />`)}
                </ul>
            </section>
        `}
        <div class=${chosen ? 'two beside' : ''}>
            <div class="tree panel">
                <${Level} id=${id} uri=${root} depth=${0} chosen=${chosen} choose=${choose} />
            </div>
            ${chosen && node?.uri === chosen && html`
                <${NodePanel}
                    id=${id}
                    node=${node}
                    list=${list}
                    close=${() => {
                        show(null);
                        refine(place({}));
                    }}
                />
            `}
        </div>
    `;
}
