/* Who did what, with before and after. */
import { html, useState } from './lib/preact.js';
import { get } from './api.js';
import { useLoad, useStream } from './live.js';
import { refine, to } from './route.js';
import { Badge, Empty, Loaded, Time, Trouble } from './ui.js';
import { diff } from './diff.js';

const RANGES = [
    ['', 'All'],
    ['-1h', 'Last hour'],
    ['-24h', 'Last day'],
    ['-168h', 'Last week'],
];
const pretty = (x) => (x === null || x === undefined ? '' : JSON.stringify(x, null, 2));

function Change({ row }) {
    if (row.before === null && row.after === null) return html`<span class="muted">nothing more is kept</span>`;
    return html`
        <details>
            <summary>${row.before === null ? 'after' : row.after === null ? 'before' : 'before and after'}</summary>
            <pre class="diff" tabindex="0">
                ${(row.before === null || row.after === null
                    ? pretty(row.before ?? row.after)
                          .split('\n')
                          .map((l) => [row.before === null ? '+' : '-', l])
                    : diff(pretty(row.before), pretty(row.after))
                ).map(([s, l]) => html`
                    <div class=${s === '+' ? 'added' : s === '-' ? 'removed' : ''}>
                        ${s} ${l}\n
                    </div>
                `)}
            </pre>
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
        <nav class="chips" aria-label="Time">
            ${RANGES.map(([k, name]) => html`
                <a
                    href=${to('audit', { from: k })}
                    aria-current=${k === from ? 'true' : undefined}
                    onClick=${(e) => {
                        e.preventDefault();
                        refine(to('audit', { from: k }));
                    }}>
                    ${name}
                </a>
            `)}
        </nav>
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
                    ${next && limit < 1000 && html`
                        <button type="button" onClick=${() => more(Math.min(1000, limit * 2))}>
                            More
                        </button>
                    `}
                ` : html`<${Empty}>Nothing in this time.</${Empty}>`
            }
        </${Loaded}>
    `;
}
