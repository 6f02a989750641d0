/* SPDX-License-Identifier: Apache-2.0 */
/* Operations: the list, one of them with its steps, and the table other pages use. */
import { html, useState } from '../lib/preact.js';
import { get, ofDevice, post } from '../core/api.js';
import { useLoad, useStream } from '../core/live.js';
import { to } from '../core/route.js';
import { Age, Badge, Chips, Empty, Facts, Loaded, More, Progress, Source, Time, Trouble } from '../parts/ui.js';
import { say } from '../parts/ask.js';
import { Answer, Commands, isGroup } from '../parts/asked.js';
import { isQuestion, readQuestion } from '../core/question.js';
import { RightsTable, listOf } from '../parts/rights.js';
import { canCancel, isOpen, operationLabel, operationTone } from '../core/words.js';
import { useMay } from '../core/who.js';

/** A raw code, with its meaning where the reason beside it does not say it already. */
const Code = ({ code, text, reason = '' }) =>
    code ? html`
        <span class="code">
            ${code}
            ${text && !reason.includes(text) ? ` ${text}` : ''}
        </span>
    ` : null;

async function cancel(o, fail, done) {
    try {
        await post(`/operations/${o.id}:cancel`);
        say(`${operationLabel(o)} was taken back`);
        done();
    } catch (e) {
        fail(e);
    }
}

/** An event of an operation, put into a list of them; null when it is not there. */
export function withOperationEvent(items, e) {
    const i = items.findIndex((o) => o.id === e.id);
    if (i < 0) return null;
    const next = [...items];
    next[i] = {
        ...next[i],
        state: e.state,
        code: e.code ?? next[i].code,
        percent: e.percent ?? next[i].percent,
        reason: e.reason ?? next[i].reason,
        updated: e.at,
    };
    return next;
}

export function OperationTable({ items, device, reload }) {
    const may = useMay();
    const [error, fail] = useState(null);
    if (!items.length) return html`<${Empty}>No operations.</${Empty}>`;
    return html`
        <${Trouble} error=${error} />
        <div class="scroll">
            <table class="list">
                <thead>
                    <tr>
                        <th>Operation</th>
                        ${!device && html`<th>Device</th>`}
                        <th>State</th>
                        <th>Reason</th>
                        <th class="by">Asked by</th>
                        <th>Changed</th>
                        <th>
                            <span class="sr">Cancel</span>
                        </th>
                    </tr>
                </thead>
                <tbody>
                    ${items.map((o) => html`
                        <tr key=${o.id} data-operation=${o.id}>
                            <td>
                                <a data-row href=${to('operations', o.id)}>
                                    ${operationLabel(o)}
                                </a>${' '}
                                <span class="muted">${o.vm || o.image || ''}</span>
                            </td>
                            ${!device && html`
                                <td class="mono">
                                    <a class="soft" href=${to('devices', o.device)}>
                                        ${o.device}
                                    </a>
                                </td>
                            `}
                            <td>
                                <${Badge} tone=${operationTone(o.state)}>${o.state}</${Badge}>
                                ${isOpen(o.state) && o.percent >= 0 ? html`
                                    ${' '}
                                    <span class="num">${o.percent} %</span>
                                    <${Progress} percent=${o.percent} label="progress" />
                                ` : ''}
                            </td>
                            <td>
                                ${o.reason} <${Code} code=${o.code} text=${o.codeText} reason=${o.reason} />
                            </td>
                            <td class="by" data-th="by">
                                ${o.byPolicy ? 'policy' : o.createdBy}
                            </td>
                            <td>
                                <${Age} at=${o.updated} />
                            </td>
                            <td class="right">
                                ${may && canCancel(o.state) && html`
                                    <button
                                        type="button"
                                        class="quiet small"
                                        onClick=${() => cancel(o, fail, reload)}>
                                        Cancel
                                    </button>
                                `}
                            </td>
                        </tr>
                    `)}
                </tbody>
            </table>
        </div>
    `;
}

const FILTERS = [
    ['', 'All'],
    ['open', 'Open'],
    ['failed', 'Failed'],
    ['unknown', 'Outcome unknown'],
    ['expired', 'Expired'],
    ['verified', 'Verified'],
    ['cancelled', 'Cancelled'],
    ['superseded', 'Superseded'],
];

export function Operations({ query }) {
    useStream('operation');
    const state = query.get('state') || '';
    const [limit, more] = useState(100);
    const list = useLoad(
        `${state} ${limit}`,
        () => get(`/operations?limit=${limit}${state ? `&state=${state}` : ''}`),
        (type) => type === 'operation',
    );
    return html`
        <h1 tabindex="-1">Operations</h1>
        <${Chips} label="State" of=${FILTERS} value=${state} place=${(s) => to('operations', { state: s })} />
        <${Loaded} of=${list}>
            ${({ items, next }) => html`
                <div class="panel flush">
                    <${OperationTable} items=${items} reload=${list.reload} />
                </div>
                <${More} next=${next} limit=${limit} more=${more} />
            `}
        </${Loaded}>
    `;
}

function questionRows(o) {
    const { options, text, choices } = readQuestion(o.data);
    return [
        ['Question', text],
        choices.length > 0 && ['Choices', choices.map((c, i) => `${i + 1} ${c}`).join(', ')],
        options.size > 0 && [
            'Options',
            html`
            <code>
                ${[...options].map(([k, v]) => `${k}=${v}`).join(' ')}
            </code>
            `,
        ],
        ['Answer', html`<${Answer} of=${o} none="none" />`],
    ];
}

const rightsWords = (rights) =>
    Object.entries(rights)
        .map(([right, ids]) => `${right}=${ids.join('+')}`)
        .join(' ');

const AccessList = ({ list }) => html`
    <h2>Access rights</h2>
    <div class="panel">
        <p>${list.own ? 'Its own list.' : html`Inherited from <code>${list.from}</code>.`}</p>
        <${RightsTable} rights=${list.rights} />
    </div>
`;

export function Operation({ id }) {
    useStream('operation');
    const may = useMay();
    const [error, fail] = useState(null);
    const load = useLoad(
        id,
        () => get(`/operations/${encodeURIComponent(id)}`),
        (type, e) => type === 'operation' && String(e.id) === id,
    );
    return html`
        <${Loaded} of=${load}>
            ${(o) => html`
                    <p class="crumbs">
                        <a href=${to('devices', o.device)} data-up>
                            ${o.device}
                        </a>
                        ${o.vm && html`
                            ${' '}
                            / <a href=${to('devices', o.device, 'vms', o.vm)}>${o.vm}</a>
                        `}
                    </p>
                    <div class="row">
                        <h1 tabindex="-1">
                            ${operationLabel(o)} <span class="muted">operation ${o.id}</span>
                        </h1>
                        <${Badge} tone=${operationTone(o.state)}>${o.state}</${Badge}>
                        <span class="grow" />
                        ${may && canCancel(o.state) && html`
                            <button type="button" onClick=${() => cancel(o, fail, load.reload)}>
                                Cancel
                            </button>
                        `}
                    </div>
                    <${Trouble} error=${error} />
                    ${o.reason && html`
                        <p class=${'why t-' + operationTone(o.state)}>
                            ${o.reason} <${Code} code=${o.code} text=${o.codeText} reason=${o.reason} />
                        </p>
                    `}
                    ${isOpen(o.state) && html`<${Progress} percent=${o.percent} label="progress" />`}
                    <div class="panel">
                        <${Facts}
                            flow
                            rows=${[
                                [
                                    'Asked for',
                                    html`
                                    <${Time} at=${o.created} /> (<${Age} at=${o.created} />) by${' '}
                                    ${o.byPolicy ? 'a policy' : o.createdBy}
                                    `,
                                ],
                                ['Changed', html`<${Age} at=${o.updated} />`],
                                ['Sent', o.tries === 1 ? 'once' : `${o.tries} times`],
                                ...(isQuestion(o.command) ? questionRows(o) : []),
                                o.grant && ['Gives', html`<code>${rightsWords(o.grant)}</code>`],
                                o.revoke && ['Takes', html`<code>${rightsWords(o.revoke)}</code>`],
                                o.force && ['Also', 'when this authority takes a right from itself'],
                                o.command && !isGroup(o.command) && !isQuestion(o.command) && [
                                    'Command',
                                    html`
                                    <code>
                                        ${o.command} ${o.uri}
                                    </code>
                                    ${o.data !== undefined && html`
                                        ${' '}
                                        = <code>${o.data}</code>
                                    `}
                                    `,
                                ],
                                Object.keys(o.args).length > 0 && [
                                    'Arguments',
                                    Object.entries(o.args).map(([k, v]) => html`
                                        <code>
                                            ${k}=${v}
                                        </code>${' '}
                                    `),
                                ],
                                o.notBefore && ['Not before', html`<${Time} at=${o.notBefore} />`],
                                o.expires && ['Expires', html`<${Time} at=${o.expires} />`],
                            ]}
                        />
                    </div>
                    ${o.commands && html`
                        <h2>Commands</h2>
                        <div class="panel"><${Commands} o=${o} /></div>
                    `}
                    ${o.command === 'acl' && o.state === 'verified' && listOf(o) && html`<${AccessList} list=${listOf(o)} />`}
                    <h2>Steps</h2>
                    <ol class="steps">
                        ${o.steps.map((s, i) => html`
                            <li class=${'t-' + operationTone(s.state)}>
                                <span class="step-at">
                                    <${Time} at=${s.at} />
                                </span>
                                <${Badge}
                                    tone=${operationTone(s.state)}
                                    icon=${i < o.steps.length - 1 ? 'ok' : undefined}>
                                    ${s.state}
                                </${Badge}>
                                <span>
                                    ${s.reason} <${Code} code=${s.code} />
                                </span>
                            </li>
                        `)}
                    </ol>
                    ${o.result !== undefined && !isQuestion(o.command) && html`
                        <h2>Result</h2>
                        <${Source}
                            text=${
                                typeof o.result === 'string' ? o.result : JSON.stringify(o.result, null, 2)
                            }
                            label="Result"
                        />
                    `}
            `}
        </${Loaded}>
    `;
}

export function DeviceOperations({ id }) {
    const [limit, more] = useState(50);
    const list = useLoad(
        `${id} ${limit}`,
        () => get(ofDevice(id, 'operations') + `?limit=${limit}`),
        (type) => type === 'operation',
    );
    return html`
        <${Loaded} of=${list}>
            ${({ items, next }) => html`
                <${OperationTable} items=${items} device=${id} reload=${list.reload} />
                <${More} next=${next} limit=${limit} more=${more} />
            `}
        </${Loaded}>
    `;
}
