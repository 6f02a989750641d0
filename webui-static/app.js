/* SPDX-License-Identifier: Apache-2.0 */
/* The console: who is here, which page, and the frame around it. */
import { html, render, useEffect, useLayoutEffect, useRef, useState } from './lib/preact.js';
import { call, get, onLoginEnded, post } from './core/api.js';
import { choose, offer, useAuthority } from './core/authority.js';
import { again, pause, useStatus } from './core/live.js';
import { go, to, useRoute } from './core/route.js';
import { Age, Trouble, useInSight } from './parts/ui.js';
import { Dialogs } from './parts/ask.js';
import { help, useKeys } from './parts/keys.js';
import { Overview } from './pages/overview.js';
import { Devices } from './pages/devices.js';
import { Device } from './pages/device.js';
import { Session } from './pages/session.js';
import { Sessions } from './pages/sessions.js';
import { Vm } from './pages/vm.js';
import { Operation, Operations } from './pages/operations.js';
import { Policies, Policy } from './pages/policies.js';
import { Editor } from './parts/editor.js';
import { Images } from './pages/images.js';
import { Description, Descriptions } from './pages/descriptions.js';
import { Audit } from './pages/audit.js';
import { Access } from './pages/access.js';
import { Who } from './core/who.js';

const PLACES = [
    ['Overview', []],
    ['Devices', ['devices']],
    ['Sessions', ['sessions']],
    ['Operations', ['operations']],
    ['Policies', ['policies']],
    ['Images', ['images']],
    ['Descriptions', ['descriptions']],
    ['Audit', ['audit'], ['admin', 'auditor']],
    ['Access', ['access'], ['admin']],
];

const KNOWN = 'dmvisor.login'; // somebody has logged in here before

function page({ parts, query }) {
    const [place, a, b, c] = parts;
    switch (place) {
        case undefined:
            return ['Overview', html`<${Overview} />`];
        case 'devices':
            if (a === undefined) return ['Devices', html`<${Devices} query=${query} />`];
            if (b === 'vms' && c !== undefined)
                return [`${c} on ${a}`, html`<${Vm} key=${a + '/' + c} id=${a} vm=${c} query=${query} />`];
            if (b === 'sessions' && c !== undefined)
                return [`Session ${c} of ${a}`, html`<${Session} key=${a + '/' + c} id=${a} n=${c} query=${query} />`];
            return [a, html`<${Device} key=${a} id=${a} tab=${b || 'vms'} query=${query} />`];
        case 'sessions':
            return ['Sessions', html`<${Sessions} tab=${a || 'sessions'} query=${query} />`];
        case 'operations':
            return a === undefined
                ? ['Operations', html`<${Operations} query=${query} />`]
                : [`Operation ${a}`, html`<${Operation} key=${a} id=${a} />`];
        case 'policies':
            if (a === undefined) return ['Policies', html`<${Policies} />`];
            if (a === 'new' || b === 'edit')
                return [b ? `Edit ${a}` : 'New policy', html`<${Editor} key=${a} name=${b ? a : null} />`];
            return [a, html`<${Policy} key=${a} name=${a} tab=${b || 'document'} query=${query} />`];
        case 'images':
            return ['Images', html`<${Images} />`];
        case 'descriptions':
            return a === undefined
                ? ['Descriptions', html`<${Descriptions} />`]
                : [a, html`<${Description} key=${a} name=${a} query=${query} />`];
        case 'access':
            return ['Access', html`<${Access} />`];
        case 'audit':
            return ['Audit', html`<${Audit} query=${query} />`];
    }
    return [
        'Not here',
        html`
        <h1 tabindex="-1">Nothing is here</h1>
        <p>
            The address names no page. <a href="#/">To the overview</a>
        </p>
        `,
    ];
}

function Login({ was, done }) {
    const [token, set] = useState('');
    const [error, fail] = useState(null);
    const [busy, work] = useState(false);
    const box = useRef(null);
    useEffect(() => {
        if (!box.current.open) box.current.showModal();
        box.current.querySelector('#token').focus();
    }, []);
    const login = async (e) => {
        e.preventDefault();
        work(true);
        fail(null);
        try {
            done(await post('/login', { token: token.trim() }, { quiet: true }));
        } catch (problem) {
            fail(problem);
            work(false);
        }
    };
    return html`
        <dialog class="login" ref=${box} onCancel=${(e) => e.preventDefault()} aria-labelledby="login-title">
            <form onSubmit=${login}>
                <h1 id="login-title">
                    <img src="icon.svg" alt="" width="28" height="28" /> dmvisor
                </h1>
                <p>
                    ${was
                        ? 'Your login is over. Log in again and go on where you were.'
                        : 'Virtual machines on phones.'}
                </p>
                <input
                    class="sr"
                    type="text"
                    name="username"
                    autocomplete="username"
                    value="dmvisor"
                    tabindex="-1"
                    aria-hidden="true"
                    readonly
                />
                <div class="field">
                    <label for="token">Access token</label>
                    <input
                        id="token"
                        type="password"
                        autocomplete="current-password"
                        spellcheck=${false}
                        required
                        value=${token}
                        onInput=${(e) => set(e.target.value)}
                        placeholder="dmv_…"
                    />
                    <p class="hint">
                        An administrator makes one with <code>dmvisorctl</code>; the first one with${' '}
                        <code>dmvisord --new-token NAME:admin</code>.
                    </p>
                </div>
                <${Trouble} error=${error} />
                <button type="submit" class="primary wide" disabled=${busy || !token.trim()}>
                    ${busy ? 'Logging in…' : 'Log in'}
                </button>
            </form>
        </dialog>
    `;
}

const LIVE = {
    live: ['ok', 'Live'],
    connecting: ['wait', 'Connecting'],
    lost: ['fail', 'Not live'],
    off: ['none', 'Paused'],
};
function Live() {
    const { state, since } = useStatus();
    const [tone, word] = LIVE[state];
    return html`
        <span
            class=${'live t-' + tone}
            role="status"
            title=${state === 'live' ? 'Changes appear as they happen' : 'Figures may be old'}>
            <span class="dot" aria-hidden="true" />
            <span>${word}</span>
            ${state === 'lost' && html`
                ${' '}
                <span class="muted">
                    since <${Age} at=${new Date(since).toISOString()} />
                </span>
                <button type="button" class="quiet small" onClick=${again}>
                    Reconnect
                </button>
            `}
        </span>
    `;
}

/** For who may use several authorities: which one this is about. */
function Switcher() {
    const { chosen, names } = useAuthority();
    if (!names.length) return null;
    return html`
        <select
            id="authority"
            class="authority"
            aria-label="Authority"
            value=${chosen}
            onChange=${(e) => choose(e.target.value)}>
            <option value="">All authorities</option>
            ${names.map((n) => html`<option value=${n}>${n}</option>`)}
        </select>
    `;
}

/** What a person must know of the server itself: it cannot keep anything, its database is damaged, its clock is not believed. */
function Health() {
    const [trouble, set] = useState(null);
    useEffect(() => {
        const look = async () => {
            try {
                const r = await fetch('/readyz', { cache: 'no-store' });
                const said = await r.json();
                set(r.ok ? said.warning && { tone: 'wait', text: said.warning } : { tone: 'fail', text: said.database });
            } catch {
                set(null); // that it cannot be reached is told elsewhere
            }
        };
        look();
        const timer = setInterval(look, 20000);
        return () => clearInterval(timer);
    }, []);
    if (!trouble) return null;
    return html`
        <p class=${'health t-' + trouble.tone} role="alert">
            <strong>${trouble.tone === 'fail' ? 'The server is not in order' : 'The server warns'}:</strong>${' '}
            ${trouble.text}
        </p>
    `;
}

function Frame({ who, logout }) {
    const route = useRoute();
    const [title, content] = page(route);
    const place = route.parts.join('/'),
        first = useRef(true);
    const places = useInSight(route.parts[0]);
    useKeys();
    useEffect(() => {
        document.title = `${title} – dmvisor`;
    }, [title]);
    useLayoutEffect(() => {
        // before the next key can arrive
        if (!first.current && !document.activeElement?.closest('nav.tabs')) {
            (document.querySelector('main h1') || document.querySelector('main')).focus({ preventScroll: true });
            window.scrollTo(0, 0);
        }
        first.current = false;
    }, [place]);
    return html`
        <a
            class="skip"
            href="#main"
            onClick=${(e) => {
                e.preventDefault();
                document.querySelector('main h1')?.focus();
            }}>
            To the content
        </a>
        <header class="top">
            <a class="brand" href="#/">
                <img src="icon.svg" alt="" width="22" height="22" /> dmvisor
            </a>
            <nav ref=${places} aria-label="Pages">
                ${PLACES.filter(([, , roles]) => !roles || roles.includes(who.role)).map(([name, parts]) => html`
                    <a href=${to(...parts)} aria-current=${route.parts[0] === parts[0] ? 'page' : undefined}>
                        ${name}
                    </a>
                `)}
            </nav>
            <span class="grow" />
            <${Live} />
            <span class="who">
                <${Switcher} />
                <span title=${who.authority ? `authority ${who.authority}` : 'all authorities'}>
                    ${who.name} <span class="muted">${who.role}</span>
                </span>
                <button type="button" class="quiet small" onClick=${help} aria-label="Keys" title="Keys">
                    ?
                </button>
                <button type="button" class="quiet small" onClick=${logout}>
                    Log out
                </button>
            </span>
        </header>
        <${Health} />
        <main id="main" tabindex="-1">
            <div class="page" key=${title}>
                ${content}
            </div>
        </main>
    `;
}

function App() {
    const [who, set] = useState(undefined);
    const [over, end] = useState(false);
    const [error, fail] = useState(null);
    const { chosen } = useAuthority();
    useEffect(() => {
        if (!who || over) return;
        if (who.authority) offer([]);
        else get('/authorities').then((list) => offer(list.items.map((a) => a.name)), () => {});
    }, [who, over]);
    const look = () => {
        fail(null);
        if (!localStorage.getItem(KNOWN))
            // spares a refusal that everybody would see in the browser's log
            return set(null);
        return get('/whoami', { quiet: true }).then(set, (e) => (e.status === 401 ? set(null) : fail(e)));
    };
    useEffect(() => {
        onLoginEnded(() => {
            pause();
            end(true);
        });
        look();
    }, []);
    const logout = async () => {
        pause();
        try {
            await call('POST', '/logout', { quiet: true });
        } catch (e) {
            if (e.status !== 401) return fail(e);
        }
        localStorage.removeItem(KNOWN);
        end(false);
        set(null);
        go('#/');
    };
    const login = (w) => {
        const other = over && (!who || w.name !== who.name || w.role !== who.role);
        localStorage.setItem(KNOWN, '1');
        set(w);
        end(false);
        if (over && !other) again();
    };
    if (error)
        return html`
            <main>
                <${Trouble} error=${error} retry=${look} />
            </main>
        `;
    if (who === undefined)
        return html`
            <main>
                <p class="muted">Looking who you are…</p>
            </main>
        `;
    return html`
        ${who && html`
            <${Who.Provider} value=${who}>
                <${Frame} key=${who.name + who.role + chosen} who=${who} logout=${logout} />
            </${Who.Provider}>
        `}
        ${(!who || over) && html`<${Login} was=${!!who} done=${login} />`}
        <${Dialogs} />
    `;
}

const root = document.getElementById('app');
root.replaceChildren();
render(html`<${App} />`, root);
