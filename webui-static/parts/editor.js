/* SPDX-License-Identifier: Apache-2.0 */
/* A policy being written: checked while it is typed, its consequences beside it. */
import { html, useEffect, useRef, useState } from '../lib/preact.js';
import { useAuthority } from '../core/authority.js';
import { call, get, at as path, once } from '../core/api.js';
import { useLoad, useStream } from '../core/live.js';
import { go, to } from '../core/route.js';
import { Badge, Empty, Icon, Loaded, Section, Trouble } from './ui.js';
import { ask, say } from './ask.js';
import { Desired, Leaving, Plan } from './plan.js';
import { count } from '../core/words.js';

const START = `apiVersion: dmvisor/v1
kind: VmPolicy
metadata: {name: corporate-workspace}
spec:
  priority: 100
  selector: 'label.department == "sales"'
  vm:
    id: corp
    guestType: linux
    image: corp-linux:1.0.0
    state: running                 # running | stopped | suspended | absent
    onLeave: keep                  # keep | stop | lock | remove: where a device leaves this policy
    resources:
      cpu: {vcpus: 1}
      memory: {min: 128Mi, max: 256Mi}
    kpi: {interval: 60s}
`;
const YAML = 'application/yaml',
    PAUSE_MS = 450;

/* The text with numbered lines; a line with an error is marked. */
function Text({ text, set, lines, box }) {
    const numbers = useRef(null),
        n = text.split('\n').length;
    return html`
        <div class="editor">
            <div class="numbers" ref=${numbers} aria-hidden="true">
                ${Array.from({ length: n }, (_, i) => html`
                    <div class=${lines.has(i + 1) ? 'bad' : ''}>${i + 1}</div>
                `)}
            </div>
            <textarea
                ref=${box}
                aria-label="Policy document (YAML)"
                aria-invalid=${lines.size > 0}
                spellcheck=${false}
                autocapitalize="off"
                autocomplete="off"
                wrap="off"
                value=${text}
                onInput=${(e) => set(e.target.value)}
                onScroll=${(e) => {
                    numbers.current.scrollTop = e.target.scrollTop;
                }}
            />
        </div>
    `;
}

function place(box, text, line, column = 1) {
    const before =
        text
            .split('\n')
            .slice(0, line - 1)
            .join('\n').length + (line > 1 ? 1 : 0);
    box.focus();
    box.setSelectionRange(before + column - 1, before + column - 1);
    box.scrollTop = Math.max(0, (line - 6) * 20);
}

async function look(text, device, signal, of) {
    const asked = new URLSearchParams(Object.entries({ device, authority: of }).filter(([, v]) => v)).toString();
    const valid = (await call('POST', '/policies:validate', { body: text, type: YAML, signal })).data;
    const query = asked ? '?' + asked : '';
    const preview = (await call('POST', `/policies:preview${query}`, { body: text, type: YAML, signal })).data;
    return { valid, preview };
}

function Consequences({ found, device, choose, devices }) {
    const { valid, preview } = found;
    return html`
        ${[...new Set([...valid.warnings, ...preview.warnings])].map((w) => html`<p class="why t-wait">${w}</p>`)}
        ${preview.leaving.map((l) => html`<${Leaving} leaving=${l} />`)}
        <p>
            <strong>${count(preview.affected, 'device')}</strong> affected
            ${preview.unknown ? html`
                , <span class="t-wait ink">${preview.unknown} not known yet</span> (they have not told what
                the selector asks for)
            ` : ''}
        </p>
        ${preview.devices.length > 0 && html`
            <p class="choices">
                ${preview.devices.map((d) => html`
                    <button type="button" class="small" aria-pressed=${d === device} onClick=${() => choose(d)}>
                        ${d}
                    </button>
                `)}
            </p>
        `}
        <div class="field">
            <label for="preview-device">Show the plan for the device</label>
            <input
                id="preview-device"
                list="preview-devices"
                value=${device}
                onChange=${(e) => choose(e.target.value.trim())}
                placeholder="choose or type one"
                spellcheck=${false}
                autocomplete="off"
            />
            <datalist id="preview-devices">
                ${devices.map((d) => html`<option value=${d.id}>${d.title}</option>`)}
            </datalist>
        </div>
        ${preview.device && html`
            <${Plan} plan=${preview.device} />
            <details>
                <summary>Effective values and who decided them</summary>
                <${Desired} desired=${preview.device.desired} />
            </details>
        `}
    `;
}

function Desk({ name, start, etag }) {
    const draft = `dmvisor.draft ${name || ''}`;
    const [text, put_text] = useState(() => sessionStorage.getItem(draft) ?? start);
    const set = (next) => {
        // kept until it is applied or thrown away: no link and no look at another page loses it
        if (next === start) sessionStorage.removeItem(draft);
        else sessionStorage.setItem(draft, next);
        put_text(next);
    };
    const { chosen: authority, names } = useAuthority();
    const [whose, own] = useState(authority || names[0] || '');
    const of = authority || !names.length ? '' : whose || names[0];
    const scope = of ? `?authority=${encodeURIComponent(of)}` : '';
    const [chosen, choose] = useState(null); // null: the first one it concerns
    const [firstOne, offer] = useState('');
    const device = chosen === null ? firstOne : chosen;
    const [found, put] = useState(null);
    const [error, fail] = useState(null);
    const [busy, work] = useState(false);
    const box = useRef(null);
    const devices = useLoad('devices', () => get('/devices?limit=50'));

    useEffect(() => {
        const stop = new AbortController();
        work(true);
        const t = setTimeout(async () => {
            try {
                const seen = await look(text, device, stop.signal, of);
                put(seen);
                offer((old) => (seen.preview.devices.includes(old) ? old : seen.preview.devices[0] || ''));
                fail(null);
            } catch (e) {
                if (e.name === 'AbortError') return;
                fail(e);
                put(null);
            }
            work(false);
        }, PAUSE_MS);
        return () => {
            stop.abort();
            clearTimeout(t);
        };
    }, [text, device, of]);
    useEffect(() => {
        const stay = (e) => text !== start && e.preventDefault();
        window.addEventListener('beforeunload', stay);
        return () => window.removeEventListener('beforeunload', stay);
    }, [text]);

    const target = found?.valid.policies[0];
    const same = name && target === name;
    const apply = async () => {
        const done = await ask({
            title: `Apply ${target}?`,
            yes: 'Apply',
            text:
                `${count(found.preview.affected, 'device')} will be called and changed.` +
                (name && !same ? ` This is not ${name}: the document names another policy.` : ''),
            act: async () =>
                (
                    await call('PUT', path('policies', target) + scope, {
                        body: text,
                        type: YAML,
                        headers: { ...once(), ...(same && etag ? { 'If-Match': etag } : {}) },
                    })
                ).data,
        });
        if (!done) return;
        sessionStorage.removeItem(draft);
        done.warnings.forEach((w) => say(w, { tone: 'wait' }));
        say(
            done.changed
                ? `${done.policy} revision ${done.revision} is in force for ${count(done.affected, 'device')}`
                : `${done.policy}: no change needed`,
        );
        go(to('policies', done.policy));
    };
    const leave = async () => {
        if (
            text !== start &&
            !(await ask({ title: 'Throw the changes away?', yes: 'Throw away', danger: true, text: 'They are kept otherwise.' }))
        )
            return;
        sessionStorage.removeItem(draft);
        go(name ? to('policies', name) : to('policies'));
    };
    const lines = new Set((error?.body?.errors || []).map((e) => e.line).filter(Boolean));
    const several = found && found.valid.policies.length > 1;
    return html`
        <div class="row head">
            <h1 tabindex="-1">${name ? `Edit ${name}` : 'New policy'}</h1>
            <span role="status">
                ${busy ? html`<${Badge} tone="work">checking</${Badge}>` : error ? html`
                    <${Badge} tone="fail">not in order</${Badge}>
                ` : html`<${Badge} tone="ok">in order</${Badge}>`}
            </span>
            <span class="grow" />
            <div class="acts">
                ${names.length > 0 && !authority && html`
                    <select id="policy-authority" class="authority" aria-label="Authority of this policy" value=${of} onChange=${(e) => own(e.target.value)}>
                        ${names.map((n) => html`<option value=${n}>${n}</option>`)}
                    </select>
                `}
                <button type="button" onClick=${leave}>
                    Cancel
                </button>
                <button type="button" class="primary" disabled=${!found || busy || several} onClick=${apply}>
                    Apply…
                </button>
            </div>
        </div>
        ${text !== start && html`
            <p class="hint" role="note">
                Not applied yet; kept in this window until it is.
            </p>
        `}
        ${several && html`
            <p class="why t-wait">
                These are ${found.valid.policies.length} documents; here they are applied one at a time.
                dmvisorctl applies them together.
            </p>
        `}
        <div class="two desk">
            <${Text} text=${text} set=${set} lines=${lines} box=${box} />
            <${Section} id="consequences" title="What it would do">
                <${Trouble} error=${error} onLine=${(line, column) => place(box.current, text, line, column)} />
                ${found ? html`
                    <${Consequences}
                        found=${found}
                        device=${device}
                        choose=${choose}
                        devices=${devices.data?.items || []}
                    />
                ` : (
                    !error && html`
                        <${Empty}>
                            <${Icon} name="work" /> Looking…
                        </${Empty}>
                    `
                )}
            </${Section}>
        </div>
    `;
}

export function Editor({ name }) {
    useStream('policy');
    const load = useLoad(name ? `edit ${name}` : 'new', async () => {
        if (!name) return { text: START, etag: null };
        const { data, response } = await call('GET', path('policies', name));
        return { text: data.document, etag: response.headers.get('ETag') };
    });
    return html`
        <p class="crumbs">
            <a href=${to('policies')} data-up>
                Policies
            </a>
        </p>
        <${Loaded} of=${load}>${({ text, etag }) => html`<${Desk} name=${name} start=${text} etag=${etag} />`}</${Loaded}>
    `;
}
