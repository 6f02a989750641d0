/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions and the calls that ask for them: of one device, or of all. */
import { html, useState } from '../lib/preact.js';
import { get, ofDevice } from '../core/api.js';
import { useLive, useLoad, useStream } from '../core/live.js';
import { to } from '../core/route.js';
import { Age, Badge, Chips, Empty, Loaded, More, Section, Tabs, Time } from '../parts/ui.js';
import { count, sessionSays, sessionTone, span, notificationTone } from '../core/words.js';

const FILTERS = [
    ['', 'All'],
    ['failed', 'Failed'],
    ['refused', 'Refused'],
    ['aborted', 'Broken off'],
    ['lost', 'Lost'],
    ['recorded', 'Recorded'],
];
const NONE = {
    '': 'No session in which something had to be done.',
    failed: 'No session has failed.',
    refused: 'No device was refused.',
    aborted: 'No session was broken off.',
    lost: 'No device stopped in the middle.',
    recorded: 'No session was recorded.',
};
const wanted = (show) => (show === 'recorded' ? { recorded: 'true' } : show ? { outcome: show } : {});

function Table({ items, device }) {
    return html`
        <div class="scroll">
            <table class="list">
                <thead>
                    <tr>
                        <th>Session</th>
                        ${!device && html`<th>Device</th>`}
                        <th>Outcome</th>
                        <th>Messages</th>
                        <th>Took</th>
                        <th>Started</th>
                    </tr>
                </thead>
                <tbody>
                    ${items.map((s) => html`
                        <tr key=${s.id}>
                            <td>
                                <a data-row class="mono" href=${to('devices', s.device, 'sessions', s.id)}>
                                    ${s.sessionId}
                                </a>
                                ${s.recorded && html`
                                    ${' '}
                                    <span class="label" title="What was said in it was kept">
                                        recorded
                                    </span>
                                `}
                                ${s.notification ? html`
                                    ${' '}
                                    <span class="muted" title=${`It was called: call ${s.notification}`}>
                                        called
                                    </span>
                                ` : ''}
                            </td>
                            ${!device && html`
                                <td class="mono">
                                    <a class="soft" href=${to('devices', s.device)}>
                                        ${s.device}
                                    </a>
                                </td>
                            `}
                            <td>
                                <${Badge} tone=${sessionTone(s.outcome)} title=${sessionSays(s.outcome)}>
                                    ${s.outcome || 'under way'}
                                </${Badge}>
                                ${s.why && html`<div class="muted">${s.why}</div>`}
                            </td>
                            <td class="num" data-th="Messages">
                                ${s.messages}
                            </td>
                            <td class="num nowrap" data-th="Took">
                                ${s.ended ? span(s.started, s.ended) : ''}
                            </td>
                            <td class="nowrap" data-th="Started">
                                <${Age} at=${s.started} />
                                <span class="muted exact">
                                    <${Time} at=${s.started} />
                                </span>
                            </td>
                        </tr>
                    `)}
                </tbody>
            </table>
        </div>
    `;
}

const Filter = ({ show, place }) => html`
    <${Chips} label="Outcome" of=${FILTERS} value=${show} place=${(k) => to(...place, { show: k })} />
`;

function Calls({ items, device }) {
    return html`
        <div class="scroll">
            <table class="list">
                <thead>
                    <tr>
                        <th>Call</th>
                        ${!device && html`<th>Device</th>`}
                        <th>State</th>
                        <th>Answered after</th>
                        <th>Made</th>
                    </tr>
                </thead>
                <tbody>
                    ${items.map((t) => html`
                        <tr key=${t.id}>
                            <td>
                                ${t.why || '–'}
                                <div class="muted mono">
                                    ${t.channel} ${t.address}, session ${t.sessionId}
                                </div>
                            </td>
                            ${!device && html`
                                <td class="mono">
                                    <a data-row class="soft" href=${to('devices', t.device, 'sessions')}>
                                        ${t.device}
                                    </a>
                                </td>
                            `}
                            <td>
                                <${Badge} tone=${notificationTone(t.state)}>${t.state}</${Badge}>
                                ${t.tries > 1 && html`
                                    ${' '}
                                    <span class="muted nowrap">${t.tries} attempts</span>
                                `}
                                ${t.error && html`<div class="t-fail ink">${t.error}</div>`}
                                ${t.next && html`
                                    <div class="muted">
                                        next attempt <${Age} at=${t.next} />
                                    </div>
                                `}
                            </td>
                            <td class="num nowrap" data-th="Answered after">
                                ${t.latencyMs === null ? '' : `${t.latencyMs} ms`}
                            </td>
                            <td class="nowrap" data-th="Made">
                                <${Age} at=${t.created} />
                                <span class="muted exact">
                                    <${Time} at=${t.created} />
                                </span>
                            </td>
                        </tr>
                    `)}
                </tbody>
            </table>
        </div>
    `;
}

/** The tab of a device. */
export function DeviceSessions({ id, query }) {
    const show = query.get('show') || '';
    const [limit, more] = useState(25);
    const asked = new URLSearchParams({ limit, ...wanted(show) });
    const sessions = useLoad(
        `${id} ${asked}`,
        () => get(`${ofDevice(id, 'sessions')}?${asked}`),
        (type) => type === 'session',
    );
    const calls = useLoad(
        id,
        () => get(`/notifications?limit=25&device=${encodeURIComponent(id)}`),
        (type) => type === 'notification',
    );
    return html`
        <${Filter} show=${show} place=${['devices', id, 'sessions']} />
        <div class="two">
            <${Section} id="sessions" title="Sessions">
                <${Loaded} of=${sessions}>
                    ${({ items, next }) =>
                        items.length ? html`
                            <${Table} items=${items} device=${id} />
                            <${More} next=${next} limit=${limit} more=${more} />
                        ` : html`
                            <${Empty}>
                                ${NONE[show]}
                                ${!show && ' Those in which nothing had to be done are not listed.'}
                            </${Empty}>
                        `
                    }
                </${Loaded}>
            </${Section}>
            <${Section} id="notifications" title="Calls to it">
                <${Loaded} of=${calls}>
                    ${({ items }) =>
                        items.length ? html`<${Calls} items=${items} device=${id} />` : html`
                            <${Empty}>It was not called yet.</${Empty}>
                        `
                    }
                </${Loaded}>
            </${Section}>
        </div>
    `;
}

/* A busy fleet has new sessions all the time: they are offered, so that what one reads stays where it is. */
function Newer({ list, of }) {
    const [n, set] = useState(0);
    useLive(
        (type, e) =>
            type === of && (of !== 'notification' || e.state === 'pending' || e.tries === 0) && set((old) => old + 1),
    );
    return (
        n > 0 && html`
            <button
                type="button"
                class="wide newer"
                onClick=${() => {
                    set(0);
                    list.reload();
                }}>
                ${count(n, 'newer event')}: show
            </button>
        `
    );
}

function All({ show }) {
    const [limit, more] = useState(100);
    const asked = new URLSearchParams({ limit, ...wanted(show) });
    const list = useLoad(String(asked), () => get(`/sessions?${asked}`));
    return html`
        <${Filter} show=${show} place=${['sessions']} />
        <${Loaded} of=${list}>
            ${({ items, next }) => html`
                <${Newer} key=${asked} list=${list} of="session" />
                ${items.length ? html`
                    <div class="panel flush">
                        <${Table} items=${items} />
                    </div>
                    <${More} next=${next} limit=${limit} more=${more} />
                ` : html`
                    <div class="panel">
                        <${Empty}>${NONE[show]}</${Empty}>
                    </div>
                `}
            `}
        </${Loaded}>
    `;
}

function AllCalls() {
    const [limit, more] = useState(100);
    const list = useLoad(`calls ${limit}`, () => get(`/notifications?limit=${limit}`));
    return html`
        <${Loaded} of=${list}>
            ${({ items, next }) => html`
                <${Newer} list=${list} of="notification" />
                ${items.length ? html`
                    <div class="panel flush">
                        <${Calls} items=${items} />
                    </div>
                    <${More} next=${next} limit=${limit} more=${more} />
                ` : html`
                    <div class="panel">
                        <${Empty}>No device was called yet.</${Empty}>
                    </div>
                `}
            `}
        </${Loaded}>
    `;
}

export function Sessions({ tab, query }) {
    useStream('session,notification');
    return html`
        <h1 tabindex="-1">Sessions</h1>
        <${Tabs}
            label="Sessions and calls"
            current=${tab}
            tabs=${[
                ['sessions', 'Sessions', to('sessions')],
                ['calls', 'Calls to devices', to('sessions', 'calls')],
            ]}
        />
        ${tab === 'calls' ? html`<${AllCalls} />` : html`<${All} show=${query.get('show') || ''} />`}
    `;
}
