/* One session with a device: what was said in it, where it was recorded. */
import { html, useState } from './lib/preact.js';
import { call, get, ofDevice } from './api.js';
import { useLoad, useStream } from './live.js';
import { to } from './route.js';
import { say } from './ask.js';
import { Age, Badge, Empty, Facts, Loaded, Source, Time, Trouble } from './ui.js';
import { count, sessionTone, span } from './words.js';

const WHY = {
    failure: 'because it failed',
    sample: 'as a sample',
    authority: 'because all sessions of the authority are',
    device: 'because all sessions of this device are',
};
const codeTone = (code) =>
    code >= 200 && code < 300 ? 'ok' : code < 200 ? 'work' : [401, 407, 418, 404].includes(code) ? 'wait' : 'fail';

/* One direction of one exchange: short text first, XML on demand. */
function Octets({ way, o }) {
    return html`
        <div class="octets">
            <h3>
                ${way} <span class="muted num">${o.bytes.toLocaleString('en')} bytes</span>
            </h3>
            ${o.statuses.length > 0 && html`
                <p class="statuses">
                    ${o.statuses.map((s) => html`
                        <span
                            class=${'status t-' + codeTone(s.code)}
                            title=${`${s.codeText}${s.uri ? `: ${s.uri}` : ''}`}>
                            ${s.command} ${s.of} <strong class="ink">${s.code}</strong>
                        </span>
                    `)}
                </p>
            `}
            <${Source} text=${o.text} label=${way} />
            <details>
                <summary>As XML</summary>
                <${Source} text=${o.xml} label=${`${way} as XML`} />
            </details>
        </div>
    `;
}

function Message({ m }) {
    return html`
        <section class="panel" aria-label=${`Message ${m.n}`}>
            <header class="row">
                <h2>Message ${m.n}</h2>
                <span class="muted">
                    <${Time} at=${m.at} />, ${m.type}, ${m.tls ? 'TLS' : 'without TLS'}
                </span>
            </header>
            ${m.refused ? html`<p class="why t-fail">Refused: ${m.refused}</p>` : html`
                <p>
                    <span class="muted">Proved by</span> ${m.provedBy || 'nothing'}
                </p>
            `}
            <p>
                <span class="muted">Understood</span> ${m.understood}
            </p>
            ${m.reasons.length > 0 && html`
                <p class="muted">Why these commands went out${m.sent ? ` (${m.sent} in this answer)` : ''}</p>
                <ul class="reasons">
                    ${m.reasons.map((r) => html`<li>${r}</li>`)}
                </ul>
            `}
            <div class="two even">
                <${Octets} way="The device said" o=${m.in} />
                ${m.out ? html`<${Octets} way="The server answered" o=${m.out} />` : html`<${Empty}>No answer went out.</${Empty}>`}
            </div>
        </section>
    `;
}

export function Session({ id, n }) {
    useStream('session,device', id);
    const [error, fail] = useState(null);
    const path = ofDevice(id, 'sessions', n);
    const load = useLoad(
        `${id} ${n}`,
        () => get(path),
        (type, e) => type === 'session' && String(e.id) === n,
    );
    const save = async () => {
        try {
            const { data } = await call('GET', path + '/recording', { accept: 'application/yaml' });
            const a = document.createElement('a');
            a.href = URL.createObjectURL(new Blob([data], { type: 'application/yaml' }));
            a.download = `session-${n}.yaml`;
            a.click();
            URL.revokeObjectURL(a.href);
            say('Saved; look into it with dmtool replay');
        } catch (e) {
            fail(e);
        }
    };
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
                    <${Badge} tone=${sessionTone(s.outcome)}>${s.outcome || 'under way'}</${Badge}>
                    <span class="grow" />
                    ${s.recording && html`
                        <button type="button" onClick=${save}>
                            Save the recording
                        </button>
                    `}
                </div>
                <${Trouble} error=${error} />
                ${s.why && html`<p class=${'why t-' + sessionTone(s.outcome)}>${s.why}</p>`}
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
                            ['Came', s.trigger ? `because it was called (call ${s.trigger})` : 'by itself'],
                            s.recording && [
                                'Recorded',
                                `${WHY[s.recording.why] || s.recording.why}${s.recording.cut ? '; only its beginning is kept' : ''}`,
                            ],
                        ]}
                    />
                </div>
                ${s.recording ? html`
                    ${s.recording.messages.map((m) => html`<${Message} key=${m.n} m=${m} />`)}
                    <details>
                        <summary>What the session began with</summary>
                        <div class="two even">
                            <${Source} text=${JSON.stringify(s.recording.server, null, 2)} label="Server" />
                            <${Source}
                                text=${JSON.stringify(s.recording.account, null, 2)}
                                label="Account"
                            />
                        </div>
                    </details>
                ` : html`
                    <div class="panel">
                        <${Empty}>
                            What was said in it was not kept (${count(s.messages, 'message')}). Failures are
                            recorded by themselves; all sessions of a device are when you say so in its menu
                            More.
                        </${Empty}>
                    </div>
                `}
            `}
        </${Loaded}>
    `;
}
