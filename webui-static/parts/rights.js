/* SPDX-License-Identifier: Apache-2.0 */
/* Who may do what at a node: the access list that holds, its own or inherited, as a table of rights and servers. What is
 * ticked becomes one operation that reads the list, changes it, writes it and reads it back. */
import { html, useEffect, useRef, useState } from '../lib/preact.js';
import { get } from '../core/api.js';
import { useLoad } from '../core/live.js';
import { to } from '../core/route.js';
import { ask } from './ask.js';
import { useOperation } from './asked.js';
import { Badge, Trouble } from './ui.js';
import { isOpen, operationTone } from '../core/words.js';

const RIGHTS = ['Get', 'Replace', 'Add', 'Delete', 'Exec'];
const ALL = '*';

/** "Get=a+b&Replace=*" as {Get: ['a', 'b'], Replace: ['*']} */
const parse = (acl) =>
    Object.fromEntries(
        acl
            .split('&')
            .filter(Boolean)
            .map((entry) => {
                const [right, ids = ''] = entry.split('=');
                return [right, ids.split('+').filter(Boolean)];
            }),
    );
const serversOf = (rights) => [...new Set(Object.values(rights).flat())].filter((s) => s !== ALL);
const words = (rights) =>
    Object.entries(rights)
        .map(([right, ids]) => `${right}: ${ids.map((s) => (s === ALL ? 'everybody' : s)).join(', ')}`)
        .join('; ');

/* The list that one command of an operation "acl" tells: read, or written where it may not be read back. */
const told = (c) =>
    c.command === 'replace' ? (c.code === 200 ? c.data : '') : c.reported && c.reported.code < 300 ? c.reported.value : '';

/** The list that an operation "acl" found or left, the last one that is not empty; null when it told none. */
export function listOf(o) {
    const last = (o.commands || []).filter(told).pop();
    if (!last) return null;
    const from = last.uri.replace(/\?.*/, '');
    return { rights: parse(told(last)), from, own: from === o.uri };
}

/* From what holds to what is ticked. What everybody has can only be taken from everybody. */
function changes(was, is) {
    const grant = {},
        revoke = {};
    for (const right of RIGHTS) {
        const before = was[right] || [],
            after = is[right] || [];
        const fromAll = before.includes(ALL) && !after.includes(ALL);
        const more = after.includes(ALL)
            ? before.includes(ALL)
                ? []
                : [ALL]
            : after.filter((s) => fromAll || !before.includes(s));
        const less = fromAll ? [ALL] : after.includes(ALL) ? [] : before.filter((s) => !after.includes(s));
        if (more.length) grant[right] = more;
        if (less.length) revoke[right] = less;
    }
    return {
        ...(Object.keys(grant).length ? { grant } : {}),
        ...(Object.keys(revoke).length ? { revoke } : {}),
    };
}

/** The list as a table; `tick(right, server, on)` makes it one to change. */
export function RightsTable({ rights, servers = serversOf(rights), own, tick }) {
    const columns = [ALL, ...servers];
    const cell = (right, server) => {
        const ids = rights[right] || [],
            has = ids.includes(server),
            by = server !== ALL && ids.includes(ALL);
        const who = server === ALL ? 'everybody' : server;
        if (!tick) return html`<td>${has || by ? 'yes' : html`<span class="muted">no</span>`}</td>`;
        return html`
            <td>
                <input
                    type="checkbox"
                    aria-label=${`${right} for ${who}`}
                    checked=${has || by}
                    disabled=${by}
                    title=${by ? 'everybody has it' : undefined}
                    onChange=${(e) => tick(right, server, e.target.checked)}
                />
            </td>
        `;
    };
    return html`
        <div class="scroll">
            <table class="plain rights">
                <thead>
                    <tr>
                        <th scope="col">Right</th>
                        ${columns.map((s) => html`
                            <th scope="col">
                                ${s === ALL ? html`<span class="nowrap">* everybody</span>` : s}
                                ${s === own && html`
                                    ${' '}
                                    <span class="muted">(this authority)</span>
                                `}
                            </th>
                        `)}
                    </tr>
                </thead>
                <tbody>
                    ${RIGHTS.map((right) => html`
                        <tr>
                            <th scope="row">${right}</th>
                            ${columns.map((s) => cell(right, s))}
                        </tr>
                    `)}
                </tbody>
            </table>
        </div>
    `;
}

function Editor({ list, own, busy, act }) {
    const [rights, set] = useState(list.rights);
    const [servers, know] = useState(() => [...new Set([...(own ? [own] : []), ...serversOf(list.rights)])]);
    const [server, type] = useState('');
    const what = changes(list.rights, rights);
    const tick = (right, id, on) =>
        set((old) => {
            const ids = (old[right] || []).filter((s) => s !== id);
            if (on) return { ...old, [right]: [...ids, id] };
            // when everybody loses it, we keep it until somebody takes that tick away too
            return { ...old, [right]: id === ALL && own && !ids.includes(own) ? [...ids, own] : ids };
        });
    const add = (e) => {
        e.preventDefault();
        const id = server.trim();
        if (id && !servers.includes(id)) know([...servers, id]);
        type('');
    };
    return html`
        <${RightsTable} rights=${rights} servers=${servers} own=${own} tick=${tick} />
        <form class="row" onSubmit=${add}>
            <input
                class="grow"
                aria-label="Another server's identifier"
                placeholder="dm.operator.example"
                value=${server}
                onInput=${(e) => type(e.target.value)}
                autocomplete="off"
                spellcheck=${false}
            />
            <button type="submit">Add a server</button>
        </form>
        ${what.grant && html`<p class="hint">Gives ${words(what.grant)}.</p>`}
        ${what.revoke && html`<p class="hint">Takes ${words(what.revoke)}.</p>`}
        <div class="acts">
            <button
                type="button"
                class="primary"
                data-act="rights"
                disabled=${busy || !(what.grant || what.revoke)}
                onClick=${() => act(what)}>
                Change the rights
            </button>
            <button type="button" disabled=${busy} onClick=${() => act({})}>
                Read again
            </button>
        </div>
    `;
}

const whoWeAre = async (name) => (await get('/authorities')).items.find((a) => a.name === name)?.serverId || '';

/* Refused because this authority would lose a right itself: that can be wanted. */
const force = (o, act) =>
    ask({
        title: 'Take it from this authority too?',
        danger: true,
        yes: 'Do it all the same',
        text: `${o.reason}. Who has no right to change the list cannot take this back from here.`,
        act: () =>
            act({ ...(o.grant && { grant: o.grant }), ...(o.revoke && { revoke: o.revoke }), force: true }, true),
    });

/** `send(command)` gives the operation that was asked for. */
export function Rights({ uri, send, close }) {
    const [n, follow] = useState(null);
    const [error, fail] = useState(null);
    const [known, learn] = useState(null);
    const o = useOperation(n).data;
    const we = useLoad(known && `authority ${known.authority}`, () => whoWeAre(known.authority));
    const box = useRef(null);
    const act = async (more, inside) => {
        fail(null);
        try {
            follow((await send({ command: 'acl', uri, ...more })).id);
        } catch (e) {
            if (inside) throw e;
            fail(e);
        }
    };
    useEffect(() => {
        act({});
    }, []);
    useEffect(() => {
        const list = o?.state === 'verified' && listOf(o);
        if (list) learn({ n: o.id, authority: o.authority, ...list });
    }, [o]);
    useEffect(() => box.current.scrollIntoView({ block: 'nearest' }), [we.data]);
    const busy = n !== null && (!o || isOpen(o.state));
    return html`
        <div class="do" ref=${box} aria-label="Access rights" role="group">
            <div class="row">
                <h3>Access rights</h3>
                <span class="grow" />
                ${o && html`
                    <a href=${to('operations', o.id)}>
                        <${Badge} tone=${operationTone(o.state)}>${o.state}</${Badge}>
                    </a>
                `}
                <button type="button" class="quiet small" onClick=${close}>
                    Close rights
                </button>
            </div>
            <${Trouble} error=${error} retry=${() => act({})} />
            ${o && o.state !== 'verified' && html`
                <div class=${'why t-' + operationTone(o.state)} aria-live="polite">
                    ${o.reason}
                    ${o.state === 'failed' && /use force/.test(o.reason) && html`
                        <p>
                            <button type="button" class="dangerous" onClick=${() => force(o, act)}>
                                Do it all the same…
                            </button>
                        </p>
                    `}
                </div>
            `}
            ${known && html`
                <p>
                    ${known.own ? 'Its own list.' : html`
                        Inherited from <code>${known.from}</code>. A change makes a list of its own, which begins with
                        these.
                    `}
                </p>
                <${Trouble} error=${we.error} retry=${we.reload} />
                ${we.data !== undefined && html`
                    <${Editor} key=${known.n} list=${known} own=${we.data} busy=${busy} act=${act} />
                `}
            `}
        </div>
    `;
}
