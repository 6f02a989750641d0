/* SPDX-License-Identifier: Apache-2.0 */
/* One session with a device, message by message: what it said, what the server made of it and why, what was answered. */
import { html, useState } from '../lib/preact.js';
import { call, get, ofDevice } from '../core/api.js';
import { useLoad, useStream } from '../core/live.js';
import { refine, to } from '../core/route.js';
import { say } from '../parts/ask.js';
import { Age, Badge, Choice, Copy, Empty, Facts, Loaded, Section, Time, Trouble, save } from '../parts/ui.js';
import { Compare } from './compare.js';
import { Octets, VIEWS } from '../parts/octets.js';
import { answersOf, decisionsOf, takenFrom } from '../core/exchange.js';
import { count, sessionSays, sessionTone, span, statusTone } from '../core/words.js';
import { useMay } from '../core/who.js';

const WHY = {
    failure: 'because it failed',
    sample: 'as a sample',
    authority: 'because all sessions of the authority are',
    device: 'because all sessions of this device are',
};
const VIEW = 'dmvisor.octets';

/* The statuses in a message: what is in order is counted, the rest is named. */
function Statuses({ list }) {
    const good = list.filter((s) => statusTone(s.code) === 'ok'),
        rest = list.filter((s) => statusTone(s.code) !== 'ok');
    if (!list.length) return null;
    return html`
        <p class="statuses">
            ${good.length > 0 && html`
                <span class="status" title=${[...new Set(good.map((s) => `${s.code} ${s.codeText}`))].join(', ')}>
                    ${count(good.length, 'command')} in order
                </span>
            `}
            ${rest.map((s) => html`
                <span class=${'status t-' + statusTone(s.code)} title=${s.uri || ''}>
                    ${s.command} ${s.of}: <strong class="ink">${s.code}</strong> ${s.codeText}
                </span>
            `)}
        </p>
    `;
}

function Side({ m, side, way, view, raw }) {
    const o = m[side];
    return html`
        <div class=${'side ' + side}>
            <h3>
                ${way} ${o && html`<span class="muted num">${o.bytes.toLocaleString('en')} bytes</span>`}
            </h3>
            ${o ? html`
                <${Statuses} list=${o.statuses} />
                <${Octets} way=${`${way} in message ${m.n}`} o=${o} view=${view} raw=${raw} n=${m.n} side=${side} />
            ` : html`<${Empty}>No answer went out.</${Empty}>`}
        </div>
    `;
}

function Decision({ d, answers }) {
    if (!d.verb)
        return html`
            <li class="wait">
                <${Badge} tone="wait">waits</${Badge}> ${d.text}
            </li>
        `;
    const code = answers.get(d.n);
    return html`
        <li>
            <span class="muted num">#${d.n}</span> <span class="verb">${d.verb}</span>${' '}
            ${code !== undefined && html`
                <span class=${`code t-${statusTone(code)} ink`} title="What the device answered to it">
                    ${code}
                </span>
            `}
            ${d.uri && html`
                <div>
                    <code class="uri">${d.uri}</code>
                </div>
            `}
            <div class="muted">${d.why}</div>
        </li>
    `;
}

/* The middle: who is it, what was taken from the message, what follows. */
function Decided({ m, answers }) {
    const decisions = decisionsOf(m.reasons);
    return html`
        <div class="side decided">
            <h3>The server decided</h3>
            ${m.refused ? html`<p class="why t-fail">Not let in: ${m.refused}</p>` : html`
                <p>
                    <${Badge} tone="ok">let in</${Badge}> ${m.provedBy || 'without proof'}
                </p>
            `}
            <ul class="taken">
                ${takenFrom(m.understood).map((t) => html`
                    <li class=${t.tone ? `t-${t.tone} ink` : ''}>${t.text}</li>
                `)}
            </ul>
            ${decisions.length > 0 ? html`
                <h4>Then it sends</h4>
                <ol class="decisions">
                    ${decisions.map((d) => html`<${Decision} d=${d} answers=${answers} />`)}
                </ol>
            ` : html`<p class="muted">Nothing more to send.</p>`}
        </div>
    `;
}

function Message({ m, last, view, raw, answers }) {
    const bad = [...m.in.statuses, ...(m.out?.statuses || [])].filter((s) => statusTone(s.code) === 'fail').length;
    return html`
        <section class="panel message" id=${`message-${m.n}`} aria-label=${`Message ${m.n}`}>
            <header class="row">
                <h2 data-row tabindex="-1">
                    Message ${m.n}
                </h2>
                ${m.refused && html`<${Badge} tone="fail">refused</${Badge}>`}
                ${bad > 0 && html`<${Badge} tone="fail">${count(bad, 'error')}</${Badge}>`}
                <span class="grow" />
                <span class="muted">
                    <${Time} at=${m.at} />
                    ${last && html`, ${span(last.at, m.at)} after the one before`},${' '}
                    ${m.type === 'wbxml' ? 'WBXML' : 'XML'}, ${m.tls ? 'TLS' : 'without TLS'}
                </span>
            </header>
            <div class="exchange">
                <${Side} m=${m} side="in" way="The device said" view=${view} raw=${raw} />
                <${Decided} m=${m} answers=${answers} />
                <${Side} m=${m} side="out" way="The server answered" view=${view} raw=${raw} />
            </div>
        </section>
    `;
}

const ACCOUNT = {
    known: 'Known',
    client_name: 'Name of the device',
    server_name: 'Name of the server',
    auth: 'Authentication',
    server_credentials: 'The server can prove itself',
    server_nonce_known: 'Nonce for that is known',
    resync: 'Nonces were being made equal',
};
const SERVER = {
    id: 'ServerID',
    url: 'Address',
    max_msg_bytes: 'Longest message (bytes)',
    max_obj_bytes: 'Largest object (bytes)',
    max_messages: 'Messages at most',
    max_auth_tries: 'Attempts at most',
    allow_basic: 'Basic over TLS',
    allow_basic_plain: 'Basic without TLS',
    per_message: 'Proof in every message',
    unknown_auth: 'Asked of unknown devices',
};
const rows = (names, of) =>
    Object.entries(of || {}).map(([k, v]) => [names[k] || k, v === true ? 'yes' : v === false ? 'no' : String(v)]);

function Recorded({ id, s, view, compare }) {
    const { messages, server, account } = s.recording,
        answers = answersOf(messages);
    const raw = useLoad(view === 'bytes' ? `${id} ${s.id} octets` : null, async () => {
        const { data } = await call('GET', ofDevice(id, 'sessions', s.id) + '/recording', {
            accept: 'application/yaml',
        });
        return data
            .split('\n')
            .filter((l) => l.startsWith('- '))
            .map((l) => JSON.parse(l.slice(2)));
    });
    return html`
        <nav class="chips jump" aria-label="Messages">
            ${messages.map((m) => html`
                <button
                    type="button"
                    class=${m.refused ? 't-fail ink' : ''}
                    onClick=${() => {
                        const at = document.getElementById(`message-${m.n}`);
                        at.scrollIntoView();
                        at.querySelector('h2').focus({ preventScroll: true });
                    }}>
                    ${m.n}
                </button>
            `)}
        </nav>
        ${messages.map((m, i) => html`
            <${Message} key=${m.n} m=${m} last=${messages[i - 1]} view=${view} raw=${raw} answers=${answers} />
        `)}
        ${s.recording.cut && html`
            <p class="why t-wait">The session was longer than a recording may be: this is its beginning.</p>
        `}
        <div class="two even">
            <${Section} id="server" title="What the server began with">
                <${Facts} rows=${rows(SERVER, server)} />
            </${Section}>
            <${Section} id="account" title="What was known of the account">
                <${Facts} rows=${rows(ACCOUNT, account)} />
            </${Section}>
        </div>
    `;
}

/* All next ones of this device, or no longer. */
function RecordDevice({ id }) {
    const may = useMay();
    const [error, fail] = useState(null);
    const device = useLoad(`record ${id}`, () => get(ofDevice(id)));
    if (!may || !device.data) return null;
    const on = device.data.record === true;
    const set = async () => {
        try {
            await call('PATCH', ofDevice(id), { json: { record: on ? null : true } });
            say(on ? 'Its sessions are recorded as those of others' : 'All its sessions are recorded from now on');
            fail(null);
            device.reload();
        } catch (e) {
            fail(e);
        }
    };
    return html`
        <button type="button" aria-pressed=${on} onClick=${set}>
            ${on ? 'Records this device' : 'Record this device'}
        </button>
        <${Trouble} error=${error} />
    `;
}

export function Session({ id, n, query }) {
    useStream('session,device', id);
    const [error, fail] = useState(null);
    const [view, look] = useState(localStorage.getItem(VIEW) || 'xml');
    const path = ofDevice(id, 'sessions', n),
        other = query.get('with');
    const load = useLoad(
        `${id} ${n}`,
        () => get(path),
        (type, e) => type === 'session' && String(e.id) === n,
    );
    const others = useLoad(
        `others ${id}`,
        () => get(ofDevice(id, 'sessions') + '?limit=100'),
        (type) => type === 'session',
    );
    const file = `session-${n}.yaml`,
        line = `dmvisorctl session download ${id} ${n} -f ${file} && dmtool replay ${file}`;
    const keep = async () => {
        try {
            save(
                file,
                (await call('GET', path + '/recording', { accept: 'application/yaml' })).data,
                'application/yaml',
            );
            say(`Saved; dmtool replay ${file} runs it again`);
        } catch (e) {
            fail(e);
        }
    };
    const list = others.data?.items || [],
        here = list.findIndex((s) => String(s.id) === n);
    const beside = (s, words) =>
        s && html`
            <a class="button small" href=${to('devices', id, 'sessions', s.id)}>
                ${words}
            </a>
        `;
    const with_ = (m) => refine(to('devices', id, 'sessions', n, { with: m }));
    return html`
        <p class="crumbs">
            <a href=${to('devices')}>Devices</a> /${' '}
            <a href=${to('devices', id, 'sessions')} data-up>
                ${id}
            </a>
        </p>
        <${Loaded} of=${load}>
            ${(s) => html`
                <div class="row head">
                    <h1 tabindex="-1">Session ${s.sessionId}</h1>
                    <${Badge} tone=${sessionTone(s.outcome)} title=${sessionSays(s.outcome)}>
                        ${s.outcome || 'under way'}
                    </${Badge}>
                    ${beside(list[here + 1], 'Earlier')}
                    ${here > 0 && beside(list[here - 1], 'Later')}
                    <span class="grow" />
                    <div class="acts">
                        <${RecordDevice} id=${id} />
                        ${s.recording && html`
                            <button type="button" onClick=${keep}>
                                Save the recording
                            </button>
                        `}
                    </div>
                </div>
                <${Trouble} error=${error} />
                <p class=${'why t-' + sessionTone(s.outcome)}>${s.why || sessionSays(s.outcome)}</p>
                <div class="panel">
                    <${Facts}
                        flow
                        rows=${[
                            [
                                'Started',
                                html`<${Time} at=${s.started} /> (<${Age} at=${s.started} />)`,
                            ],
                            s.ended && ['Took', span(s.started, s.ended)],
                            ['Messages', s.messages],
                            ['Came', s.notification ? `because it was called (call ${s.notification})` : 'by itself'],
                            ['Number', s.id],
                            s.recording && [
                                'Recorded',
                                `${WHY[s.recording.why] || s.recording.why}, ${count(s.recording.bytes, 'byte')}`,
                            ],
                        ]}
                    />
                    ${s.recording && html`
                        <div class="command">
                            <code>${line}</code>
                            <${Copy} text=${line} />
                        </div>
                    `}
                </div>
                ${s.recording ? html`
                    <div class="row look">
                        ${!other && html`
                            <${Choice}
                                label="Show messages as"
                                of=${VIEWS}
                                value=${view}
                                set=${(v) => {
                                    localStorage.setItem(VIEW, v);
                                    look(v);
                                }}
                            />
                        `}
                        <span class="grow" />
                        <label class="inline">
                            Compare with${' '}
                            <select value=${other || ''} onChange=${(e) => with_(e.target.value)}>
                                <option value="">nothing</option>
                                ${list
                                    .filter((o) => o.recorded && String(o.id) !== n)
                                    .map((o) => html`
                                        <option value=${o.id}>
                                            ${o.sessionId}, ${o.outcome},${' '}
                                            ${o.started.slice(0, 19).replace('T', ' ')}
                                        </option>
                                    `)}
                            </select>
                        </label>
                    </div>
                    ${other ? html`<${Compare} id=${id} session=${s} other=${other} />` : html`
                        <${Recorded} id=${id} s=${s} view=${view} />
                    `}
                ` : html`
                    <div class="panel">
                        <${Empty}>
                            What was said in it was not kept (${count(s.messages, 'message')}). Sessions that
                            fail are recorded by themselves; with “Record this device”, all next ones are.
                        </${Empty}>
                    </div>
                `}
            `}
        </${Loaded}>
    `;
}
