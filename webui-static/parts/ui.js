/* SPDX-License-Identifier: Apache-2.0 */
/* Small parts every page is made of. */
import { choose, useAuthority } from '../core/authority.js';
import { html, useEffect, useRef, useState } from '../lib/preact.js';
import { now } from '../core/api.js';
import { refine } from '../core/route.js';
import { age, figure, local, utc } from '../core/words.js';

const PATHS = {
    ok: 'M3.5 8.5l3 3 6-7',
    work: 'M8 2.5a5.5 5.5 0 1 1-5.2 3.7',
    wait: 'M8 4.5V8l2.5 2M8 2a6 6 0 1 1 0 12A6 6 0 0 1 8 2',
    fail: 'M4.5 4.5l7 7m0-7l-7 7',
    none: 'M4 8h8',
    lock: 'M4.5 7.5h7v5.5h-7zM6 7.5V5.2a2 2 0 0 1 4 0v2.3',
    unlock: 'M4.5 7.5h7v5.5h-7zM6 7.5V5.2a2 2 0 0 1 3.8-.8',
    copy: 'M5.5 5.5h7v8h-7zM3.5 10.5v-8h7',
    search: 'M7 3a4 4 0 1 1 0 8 4 4 0 0 1 0-8m3 7l3.5 3.5',
    plus: 'M8 3.5v9M3.5 8h9',
    next: 'M6 3.5L10.5 8 6 12.5',
    down: 'M3.5 6L8 10.5 12.5 6',
    call: 'M2.5 8a5.5 5.5 0 0 1 11 0M5 8a3 3 0 0 1 6 0M8 8v5',
    more: 'M3.4 8h.2M7.9 8h.2M12.4 8h.2',
};
export const Icon = ({ name }) => html`
    <svg class=${'icon i-' + name} viewBox="0 0 16 16" aria-hidden="true">
        <path d=${PATHS[name]} />
    </svg>
`;

export const Badge = ({ tone = 'none', icon, children, title }) => html`
    <span class=${'badge t-' + tone} title=${title}>
        <${Icon} name=${icon || tone} />
        ${children}
    </span>
`;

/* One clock for all ages on the page. */
const ticks = new Set();
setInterval(() => ticks.forEach((fn) => fn()), 1000);
export function useTick(fn) {
    const last = useRef(fn);
    last.current = fn;
    useEffect(() => {
        const tick = () => last.current();
        ticks.add(tick);
        return () => ticks.delete(tick);
    }, []);
}

/** Local time; the exact UTC on hover and for screen readers of the markup. */
export const Time = ({ at }) =>
    at ? html`
        <time datetime=${at} title=${utc(at)}>
            ${local(at, now())}
        </time>
    ` : html`<span class="muted">never</span>`;

export function Age({ at, never = 'never' }) {
    const [, set] = useState('');
    useTick(() => at && set(age(at, now())));
    return at ? html`
        <time datetime=${at} title=${utc(at)}>
            ${age(at, now())}
        </time>
    ` : html`<span class="muted">${never}</span>`;
}

export function Copy({ text, label = 'Copy' }) {
    const [done, set] = useState('');
    const copy = async () => {
        try {
            await navigator.clipboard.writeText(typeof text === 'function' ? text() : text);
            set('Copied');
        } catch {
            set('Not allowed: select and copy by hand');
        }
        setTimeout(() => set(''), 2000);
    };
    return html`
        <button type="button" class="quiet small copy" onClick=${copy}>
            <${Icon} name="copy" />
            ${done || label}
            <span class="sr" aria-live="polite">
                ${done}
            </span>
        </button>
    `;
}

/** An error in words, with all there is to copy. */
export function Trouble({ error, retry, onLine, children }) {
    if (!error) return null;
    const b = error.body || { title: error.name, detail: error.message };
    const text = error.text ? () => error.text() : () => `${error.stack || error}`;
    return html`
        <div class="trouble" role="alert">
            <div class="row">
                <strong>${b.title}</strong>
                ${b.status ? html`<span class="code">${b.status}</span>` : ''}
                <span class="grow" />
                ${retry && html`
                    <button type="button" class="quiet small" onClick=${retry}>
                        Try again
                    </button>
                `}
                <${Copy} text=${text} label="Copy error" />
            </div>
            ${b.detail && !(b.errors?.length === 1 && b.errors[0].detail === b.detail) && html`<p>${b.detail}</p>`}
            ${b.pointer && html`
                <p class="muted">
                    Field: <code>${b.pointer}</code>
                </p>
            `}
            ${b.errors?.length > 0 && html`
                <ul>
                    ${b.errors.map((e) => html`
                        <li>
                            ${e.line && onLine ? html`
                                <button type="button" class="link" onClick=${() => onLine(e.line, e.column)}>
                                    line ${e.line}, column ${e.column}
                                </button>
                            ` : ''}
                            ${e.line && !onLine ? `line ${e.line}${e.column ? `, column ${e.column}` : ''}` : ''}
                            ${e.line ? ': ' : ''}
                            ${e.detail}
                            ${e.pointer ? html`
                                ${' '}
                                <code>${e.pointer}</code>
                            ` : ''}
                        </li>
                    `)}
                </ul>
            `}
            ${error.body?.title === 'Which authority?' && html`<${Which} done=${retry} />`}
            ${children}
        </div>
    `;
}

/** Several authorities have what was asked for: the person says which one is meant, once. */
function Which({ done }) {
    const { names } = useAuthority();
    const use = (name) => {
        choose(name);
        done?.();
    };
    return html`
        <p class="choices">
            ${names.map((n) => html`
                <button type="button" class="small" onClick=${() => use(n)}>
                    Use ${n}
                </button>
            `)}
        </p>
    `;
}

/** What is loading, went wrong, or is there; in an element of its own, so that what comes late cannot change places. */
export function Loaded({ of, children }) {
    const wait = of.data === undefined && !of.error;
    const [slow, set] = useState(false);
    useEffect(() => {
        if (!wait) return set(false);
        const t = setTimeout(() => set(true), 250);
        return () => clearTimeout(t);
    }, [wait]);
    return html`
        <div class="loaded" aria-busy=${wait}>
            <${Trouble} error=${of.error} retry=${of.reload} />
            ${wait && slow ? html`
                <p class="muted loading" role="status">
                    Loading…
                </p>
            ` : null}
            ${of.data !== undefined ? children(of.data) : null}
        </div>
    `;
}

export const Empty = ({ children }) => html`<div class="empty">${children}</div>`;

export function Section({ title, count, actions, children, id }) {
    return html`
        <section class="panel" aria-labelledby=${id}>
            <header class="row">
                <h2 id=${id}>
                    ${title}
                    ${count !== undefined ? html`
                        ${' '}
                        <span class="count">${count}</span>
                    ` : ''}
                </h2>
                <span class="grow" />
                ${actions}
            </header>
            ${children}
        </section>
    `;
}

export const Facts = ({ rows, flow }) => html`
    <dl class=${flow ? 'facts flow' : 'facts'}>
        ${rows.filter(Boolean).map(([k, v]) => html`
            <div>
                <dt>${k}</dt>
                <dd>${v}</dd>
            </div>
        `)}
    </dl>
`;

export function Progress({ percent, label }) {
    if (percent < 0) return html`<progress aria-label=${label} />`;
    return html`
        <progress max="100" value=${percent} aria-label=${label}>
            ${percent} %
        </progress>
    `;
}

export function Figure({ value, unit, label }) {
    const f = figure(value, unit);
    return html`
        <div class="figure">
            <div class="figure-label">${label}</div>
            <div
                class=${'figure-value' + (f.none ? ' muted' : '')}
                title=${f.none ? 'the device does not tell' : `${value} ${unit || ''}`}>
                ${f.value}
                ${f.unit ? html`<span class="unit"> ${f.unit}</span>` : ''}
            </div>
        </div>
    `;
}

/** Text one can select, copy and scroll; `children`: the same, dressed. */
export const Source = ({ text, label, children }) => html`
    <div class="source">
        <div class="source-bar">
            <${Copy} text=${text} />
        </div>
        <pre tabindex="0" aria-label=${label}>
            ${children ?? text}
        </pre>
    </div>
`;

/** A file for the person. */
export function save(name, text, type) {
    const a = document.createElement('a');
    a.href = URL.createObjectURL(new Blob([text], { type }));
    a.download = name;
    a.click();
    URL.revokeObjectURL(a.href);
}

/** One of a few: [[key, words], ...]. */
export const Choice = ({ label, of, value, set }) => html`
    <div class="choice" role="group" aria-label=${label}>
        ${of.map(([key, words]) => html`
            <button type="button" aria-pressed=${key === value} onClick=${() => set(key)}>
                ${words}
            </button>
        `)}
    </div>
`;

/** A filter that is part of the address: [[key, words], ...]; `place(key)` is where each leads. */
export const Chips = ({ label, of, value, place }) => html`
    <nav class="chips" aria-label=${label}>
        ${of.map(([key, words]) => html`
            <a
                href=${place(key)}
                aria-current=${key === value ? 'true' : undefined}
                onClick=${(e) => {
                    e.preventDefault();
                    refine(place(key));
                }}>
                ${words}
            </a>
        `)}
    </nav>
`;

const MOST = 1000;
/** The next ones of a list that is loaded from its beginning. */
export const More = ({ next, limit, more }) =>
    next &&
    (limit < MOST ? html`
        <p>
            <button type="button" onClick=${() => more(Math.min(MOST, limit * 3))}>
                More
            </button>
        </p>
    ` : html`<p class="muted">The newest ${MOST.toLocaleString('en')}.</p>`);

/** A row of links that scrolls sideways when it must: the current one is in sight. */
export function useInSight(current) {
    const box = useRef(null);
    useEffect(() => {
        const here = box.current?.querySelector('[aria-current]'),
            b = box.current;
        if (here && b.scrollWidth > b.clientWidth)
            b.scrollLeft = here.offsetLeft - b.offsetLeft - (b.clientWidth - here.offsetWidth) / 2;
    }, [current]);
    return box;
}

export function Tabs({ label, tabs, current }) {
    const box = useInSight(current);
    return html`
        <nav class="tabs" ref=${box} aria-label=${label}>
            ${tabs.map(([key, text, hash, n]) => html`
                <a href=${hash} aria-current=${key === current ? 'page' : undefined}>
                    ${text}
                    ${n ? html`
                        ${' '}
                        <span class="count">${n}</span>
                    ` : ''}
                </a>
            `)}
        </nav>
    `;
}

/** A menu of buttons that works with keys and closes by itself. */
export function Menu({ label, children }) {
    const box = useRef(null);
    const [open, set] = useState(false);
    useEffect(() => {
        if (!open) return undefined;
        const out = (e) => !box.current.contains(e.target) && set(false);
        const esc = (e) => e.key === 'Escape' && (set(false), box.current.querySelector('button').focus());
        document.addEventListener('pointerdown', out);
        document.addEventListener('focusin', out);
        box.current.addEventListener('keydown', esc);
        const el = box.current;
        el.querySelector('.menu-list button:not(:disabled)')?.focus();
        return () => {
            document.removeEventListener('pointerdown', out);
            document.removeEventListener('focusin', out);
            el.removeEventListener('keydown', esc);
        };
    }, [open]);
    const move = (e) => {
        const step = { ArrowDown: 1, ArrowUp: -1 }[e.key];
        if (!step) return;
        e.preventDefault();
        const items = [...box.current.querySelectorAll('.menu-list button:not(:disabled)')];
        items[(items.indexOf(document.activeElement) + step + items.length) % items.length]?.focus();
    };
    return html`
        <div class="menu" ref=${box}>
            <button type="button" aria-expanded=${open} onClick=${() => set(!open)}>
                ${label}
                <${Icon} name="down" />
            </button>
            ${open && html`
                <div class="menu-list" onKeyDown=${move} onClick=${(e) => e.target.closest('button') && set(false)}>
                    ${children}
                </div>
            `}
        </div>
    `;
}
