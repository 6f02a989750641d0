/* SPDX-License-Identifier: Apache-2.0 */
/* Several commands as one: a list put together from nodes' panels or typed, sent as an Atomic or a Sequence. */
import { html, useEffect, useRef, useState } from '../lib/preact.js';
import { CommandWords } from './asked.js';
import { askCommand } from './command.js';
import { Choice, Empty, Section, Trouble } from './ui.js';
import { count } from '../core/words.js';

const KINDS = [
    ['atomic', 'Atomic'],
    ['sequence', 'Sequence'],
];
const SAYS = {
    atomic: 'Atomic: when one fails, those before it are undone. It can neither read nor execute.',
    sequence: 'Sequence: ends where the person at the device says no. It executes one node at most.',
};
const MOST = 100;

/* Lists that are being put together, one for each device: they outlast a look at another page. */
const lists = new Map();
const NEW = { open: false, command: 'atomic', rows: [], asked: [] };
const LATEST = 3;

/** What was asked for in a command, without what became of it. */
export const asCommand = ({ command, uri, format, type, data }) =>
    Object.fromEntries(Object.entries({ command, uri, format, type, data }).filter(([, v]) => v !== undefined));

export function useList(id) {
    const [, draw] = useState(0);
    const set = (more) => {
        lists.set(id, { ...(lists.get(id) || NEW), ...more });
        draw((n) => n + 1);
    };
    const list = lists.get(id) || NEW;
    return {
        ...list,
        set,
        add: (row) => set({ open: true, rows: [...(lists.get(id) || NEW).rows, row] }),
        follow: (n) => set({ asked: [n, ...(lists.get(id) || NEW).asked].slice(0, LATEST) }),
    };
}

/* "/commands/2/uri" and "command 3: ..." */
const rowOf = (error) => {
    const m = /^\/commands\/(\d+)/.exec(error?.body?.pointer || '');
    return m ? Number(m[1]) : -1;
};
const wordsOf = (error) => error.body.detail.replace(/^command \d+: /, '');

function Row({ c, i, of, refused, change, next }) {
    const name = `command ${i + 1}`;
    const move = (step) => {
        const rows = [...of];
        [rows[i], rows[i + step]] = [rows[i + step], rows[i]];
        next(i + step, step < 0 ? 'up' : 'down');
        change(rows);
    };
    const remove = () => {
        next(Math.min(i, of.length - 2), 'remove');
        change(of.filter((_, k) => k !== i));
    };
    const box = useRef(null);
    useEffect(() => {
        if (refused) box.current.scrollIntoView({ block: 'nearest' });
    }, [refused]);
    const edit = () =>
        askCommand({
            title: `Command ${i + 1}`,
            yes: 'Keep',
            of: c,
            act: (row) => change(of.map((x, k) => (k === i ? row : x))),
        });
    return html`
        <li ref=${box} class=${refused ? 't-fail refused' : ''}>
            <div class="what">
                <span class="verb">${c.command}</span> <${CommandWords} c=${c} />
                ${refused && html`<p class="ink" role="alert">${refused}</p>`}
            </div>
            <div class="acts">
                <button
                    type="button"
                    class="small"
                    data-next="up"
                    aria-label=${`Move ${name} up`}
                    disabled=${i === 0}
                    onClick=${() => move(-1)}>
                    ↑
                </button>
                <button
                    type="button"
                    class="small"
                    data-next="down"
                    aria-label=${`Move ${name} down`}
                    disabled=${i === of.length - 1}
                    onClick=${() => move(1)}>
                    ↓
                </button>
                <button type="button" class="small" aria-label=${`Edit ${name}`} onClick=${edit}>
                    Edit…
                </button>
                <button
                    type="button"
                    class="small dangerous"
                    data-next="remove"
                    aria-label=${`Remove ${name}`}
                    onClick=${remove}>
                    Remove
                </button>
            </div>
        </li>
    `;
}

/** `send(command)` asks for it; a refusal marks the command that is to blame, and nothing was sent to the device. */
export function Several({ list, root, send }) {
    const { rows, command, set } = list;
    const [error, fail] = useState(null);
    const [busy, work] = useState(false);
    const bad = rowOf(error);
    const box = useRef(null),
        wanted = useRef(null);
    useEffect(() => {
        // the focus goes with what was moved, and to the next one when one was removed
        if (!wanted.current) return;
        const [i, name] = wanted.current,
            row = box.current?.children[i];
        wanted.current = null;
        (row?.querySelector(`[data-next=${name}]:not(:disabled)`) || row?.querySelector('[data-next]:not(:disabled)'))?.focus();
    }, [rows]);
    const change = (next) => {
        fail(null);
        set({ rows: next });
    };
    const type = () =>
        askCommand({
            title: 'One more command',
            yes: 'Put it on the list',
            text: 'To the tree, or a question to the person at the device.',
            of: { command: 'replace', uri: root === '.' ? './' : root },
            act: (row) => change([...rows, row]),
        });
    const ask = async () => {
        fail(null);
        work(true);
        try {
            await send({ command, commands: rows });
            set({ rows: [] });
        } catch (e) {
            fail(e);
        }
        work(false);
    };
    const kind = (k) => {
        fail(null);
        set({ command: k });
    };
    return html`
        <${Section}
            id="several"
            title="Several commands as one"
            count=${rows.length}
            actions=${html`
                <button type="button" class="quiet small" onClick=${() => set({ open: false })}>
                    Close
                </button>
            `}>
            <${Choice} label="How they go together" of=${KINDS} value=${command} set=${kind} />
            <p class="hint">${SAYS[command]}</p>
            ${rows.length ? html`
                <ol class="commands" ref=${box} aria-label="List of commands">
                    ${rows.map((c, i) => html`
                        <${Row}
                            c=${c}
                            i=${i}
                            of=${rows}
                            refused=${i === bad && wordsOf(error)}
                            change=${change}
                            next=${(k, name) => {
                                wanted.current = [k, name];
                            }}
                        />
                    `)}
                </ol>
            ` : html`
                <${Empty}>
                    No commands yet. Put them on the list from nodes' panels, or type them.
                </${Empty}>
            `}
            <${Trouble} error=${bad < 0 || bad >= rows.length ? error : null} />
            <div class="row">
                <button type="button" disabled=${rows.length >= MOST} onClick=${type}>
                    Add…
                </button>
                <span class="grow" />
                ${rows.length > 0 && html`
                    <button type="button" class="quiet" onClick=${() => change([])}>
                        Empty it
                    </button>
                `}
                <button type="button" class="primary" disabled=${!rows.length || busy} onClick=${ask}>
                    ${busy ? 'Working…' : rows.length ? `Ask for ${count(rows.length, 'command')}` : 'Ask for them'}
                </button>
            </div>
        </${Section}>
    `;
}
