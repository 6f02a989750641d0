/* SPDX-License-Identifier: Apache-2.0 */
/* Who did what, with before and after. */
import { html, useState } from '../lib/preact.js';
import { get } from '../core/api.js';
import { useLoad, useStream } from '../core/live.js';
import { to } from '../core/route.js';
import { Badge, Chips, Empty, Loaded, More, Time, Trouble } from '../parts/ui.js';
import { Difference } from '../parts/difference.js';

const RANGES = [
    ['', 'All'],
    ['-1h', 'Last hour'],
    ['-24h', 'Last day'],
    ['-168h', 'Last week'],
];
const pretty = (x) => JSON.stringify(x, null, 2);

function Change({ row }) {
    if (row.before === null && row.after === null) return html`<span class="muted">nothing more is kept</span>`;
    return html`
        <details>
            <summary>${row.before === null ? 'after' : row.after === null ? 'before' : 'before and after'}</summary>
            <${Difference}
                before=${row.before === null ? null : pretty(row.before)}
                after=${row.after === null ? null : pretty(row.after)}
            />
        </details>
    `;
}

function Chain() {
    const [found, set] = useState(null);
    const [error, fail] = useState(null);
    const verify = () =>
        get('/audit:verify').then((f) => {
            set(f);
            fail(null);
        }, fail);
    return html`
        <span class="row">
            ${found && html`
                <${Badge} tone=${found.intact ? 'ok' : 'fail'}>
                    ${found.intact
                        ? `${found.rows} entries, none altered`
                        : `altered at entry ${found.firstBroken}`}
                </${Badge}>
            `}
            <button type="button" onClick=${verify}>
                Check the chain
            </button>
        </span>
        <${Trouble} error=${error} />
    `;
}

export function Audit({ query }) {
    useStream('device,policy,image');
    const from = query.get('from') || '';
    const [limit, more] = useState(100);
    const list = useLoad(
        `${from} ${limit}`,
        () => get(`/audit?limit=${limit}${from ? `&from=${encodeURIComponent(from)}` : ''}`),
        (type, e) => type !== 'device' || !!e.change,
    );
    return html`
        <div class="row">
            <h1 tabindex="-1">Audit</h1>
            <span class="grow" />
            <${Chain} />
        </div>
        <${Chips} label="Time" of=${RANGES} value=${from} place=${(k) => to('audit', { from: k })} />
        <${Loaded} of=${list}>
            ${({ items, next }) =>
                items.length ? html`
                    <div class="panel flush scroll">
                        <table class="list">
                            <thead>
                                <tr>
                                    <th>When</th>
                                    <th>Who</th>
                                    <th>What</th>
                                    <th>Change</th>
                                </tr>
                            </thead>
                            <tbody>
                                ${items.map((r) => html`
                                    <tr key=${r.id}>
                                        <td class="nowrap">
                                            <${Time} at=${r.at} />
                                        </td>
                                        <td>
                                            ${r.who}
                                            <div class="muted">${r.authority || 'all authorities'}</div>
                                        </td>
                                        <td>
                                            <strong>${r.action}</strong>
                                            <div class="mono muted">${r.target}</div>
                                        </td>
                                        <td>
                                            <${Change} row=${r} />
                                        </td>
                                    </tr>
                                `)}
                            </tbody>
                        </table>
                    </div>
                    <${More} next=${next} limit=${limit} more=${more} />
                ` : html`<${Empty}>Nothing in this time.</${Empty}>`
            }
        </${Loaded}>
    `;
}
