/* SPDX-License-Identifier: Apache-2.0 */
/* Policies: how far each is, its document and revisions, its devices. */
import { html, useState } from '../lib/preact.js';
import { call, get, at as path } from '../core/api.js';
import { useLoad, useStream } from '../core/live.js';
import { go, to } from '../core/route.js';
import { Age, Badge, Chips, Empty, Icon, Loaded, Section, Source, Tabs, Time, Trouble } from '../parts/ui.js';
import { ask, say } from '../parts/ask.js';
import { ASSIGNMENTS, assignmentTone, count } from '../core/words.js';
import { Difference } from '../parts/difference.js';
import { left } from '../parts/plan.js';
import { useMay } from '../core/who.js';

function Bar({ devices }) {
    const total = Object.values(devices).reduce((a, b) => a + b, 0);
    const order = ASSIGNMENTS.slice()
        .reverse()
        .filter((s) => devices[s]);
    const words = order.map((s) => `${devices[s]} ${s}`).join(', ') || 'no devices yet';
    return html`
        <div class="bar-box">
            <svg class="bar" role="img" aria-label=${words} viewBox="0 0 100 1" preserveAspectRatio="none">
                ${
                    order.reduce(
                        ({ x, out }, s) => {
                            const w = (devices[s] / total) * 100;
                            out.push(html`<rect class=${'fill-' + assignmentTone(s)} x=${x} y="0" width=${w} height="1" />`);
                            return { x: x + w, out };
                        },
                        { x: 0, out: [] },
                    ).out
                }
            </svg>
            <span class="bar-words">
                ${order.length ? (
                    order.map((s) => html`
                        <${Badge} tone=${assignmentTone(s)}>
                            ${devices[s]} ${s}
                        </${Badge}>${' '}
                    `)
                ) : html`<span class="muted">no devices yet</span>`}
            </span>
        </div>
    `;
}

export const PolicyRow = ({ policy: p }) => html`
    <div class="item" data-policy=${p.name}>
        <div class="row">
            <a data-row href=${to('policies', p.name)}>
                ${p.name}
            </a>${' '}
            <span class="muted">revision ${p.revision}</span>
            ${p.needsAttention && html`
                ${' '}
                <${Badge} tone="fail">needs attention</${Badge}>
            `}
            <span class="grow" />
            <span class="muted">
                <${Age} at=${p.revised} /> by ${p.revisedBy}
            </span>
        </div>
        <${Bar} devices=${p.devices} />
    </div>
`;

export function Policies() {
    useStream('policy,device');
    const may = useMay();
    const list = useLoad(
        'policies',
        () => get('/policies?limit=1000'),
        () => true,
    );
    return html`
        <div class="row">
            <h1 tabindex="-1">Policies</h1>
            <span class="grow" />
            ${may && html`
                <a class="button primary" href=${to('policies', 'new')}>
                    <${Icon} name="plus" />
                    New policy
                </a>
            `}
        </div>
        <${Loaded} of=${list}>
            ${({ items }) => html`
                <div class="panel">
                    ${items.length ? html`
                        <div class="rows">
                            ${items.map((p) => html`<${PolicyRow} key=${p.name} policy=${p} />`)}
                        </div>
                    ` : html`
                        <${Empty}>No policies yet. A policy says which VM which devices shall have.</${Empty}>
                    `}
                </div>
            `}
        </${Loaded}>
    `;
}

function Devices({ name, state }) {
    const list = useLoad(
        `${name} ${state}`,
        () => get(path('policies', name, 'devices') + `?limit=500${state ? `&state=${state}` : ''}`),
        (type) => type === 'device' || type === 'policy',
    );
    return html`
        <${Chips}
            label="State"
            of=${['', ...ASSIGNMENTS].map((s) => [s, s || 'all'])}
            value=${state}
            place=${(s) => to('policies', name, 'devices', { state: s })}
        />
        <${Loaded} of=${list}>
            ${({ items, next }) =>
                items.length ? html`
                    <div class="panel flush scroll">
                        <table class="list">
                            <thead>
                                <tr>
                                    <th>Device</th>
                                    <th>State</th>
                                    <th>Why</th>
                                    <th>Revision</th>
                                    <th>Since</th>
                                </tr>
                            </thead>
                            <tbody>
                                ${items.map((a) => html`
                                    <tr key=${a.device}>
                                        <td>
                                            <a data-row href=${to('devices', a.device)}>
                                                ${a.device}
                                            </a>
                                        </td>
                                        <td>
                                            <${Badge} tone=${assignmentTone(a.state)}>${a.state}</${Badge}>
                                            ${a.selected === 'unknown' && html`
                                                ${' '}
                                                <${Badge} tone="wait">not known whether it fits</${Badge}>
                                            `}
                                        </td>
                                        <td>${a.why}</td>
                                        <td class="num" data-th="Revision">
                                            ${a.revision}
                                        </td>
                                        <td>
                                            <${Age} at=${a.at} />
                                        </td>
                                    </tr>
                                `)}
                            </tbody>
                        </table>
                    </div>
                    ${next && html`<p class="muted">The first 500.</p>`}
                ` : html`<${Empty}>${state ? `No device is ${state}.` : 'No device has it yet.'}</${Empty}>`
            }
        </${Loaded}>
    `;
}

function Revisions({ name, current }) {
    const [open, set] = useState(null);
    const list = useLoad(
        name,
        () => get(path('policies', name, 'revisions') + '?limit=200'),
        (type) => type === 'policy',
    );
    const texts = useLoad(open === null ? null : `${name} ${open}`, async () => {
        const of = (n) =>
            call('GET', path('policies', name, 'revisions', n), { accept: 'application/yaml' }).then((r) => r.data);
        return { now: await of(open), before: open > 1 ? await of(open - 1) : null };
    });
    return html`
        <${Loaded} of=${list}>
            ${({ items }) => html`
                <div class="two">
                    <div class="panel flush scroll">
                        <table class="list">
                            <thead>
                                <tr>
                                    <th>Revision</th>
                                    <th>By</th>
                                    <th>When</th>
                                </tr>
                            </thead>
                            <tbody>
                                ${items.map((r) => html`
                                    <tr key=${r.revision} class=${open === r.revision ? 'on' : ''}>
                                        <td>
                                            <button
                                                type="button"
                                                class="link"
                                                data-row
                                                aria-pressed=${open === r.revision}
                                                onClick=${() => set(r.revision)}>
                                                ${r.revision}
                                            </button>
                                            ${r.revision === current ? html`
                                                ${' '}
                                                <${Badge} tone="ok">in force</${Badge}>
                                            ` : ''}
                                        </td>
                                        <td>${r.createdBy}</td>
                                        <td>
                                            <${Time} at=${r.created} />
                                        </td>
                                    </tr>
                                `)}
                            </tbody>
                        </table>
                    </div>
                    ${open === null ? html`
                        <${Empty}>Choose a revision to see it and what it changed.</${Empty}>
                    ` : html`
                        <${Section} id="revision" title=${`Revision ${open}`}>
                            <${Loaded} of=${texts}>
                                ${(t) =>
                                    t.before === null ? html`
                                        <${Source} text=${t.now} label=${`Revision ${open}`} />
                                    ` : html`
                                        <h3>Against revision ${open - 1}</h3>
                                        <${Difference} before=${t.before} after=${t.now} />
                                        <details>
                                            <summary>The whole document</summary>
                                            <${Source} text=${t.now} label=${`Revision ${open}`} />
                                        </details>
                                    `
                                }
                            </${Loaded}>
                        </${Section}>
                    `}
                </div>
            `}
        </${Loaded}>
    `;
}

export function Policy({ name, tab, query }) {
    useStream('policy,device');
    const may = useMay();
    const [error, fail] = useState(null);
    const load = useLoad(
        name,
        () => get(path('policies', name)),
        (type) => type === 'policy' || type === 'device',
    );
    const remove = async (p) => {
        try {
            const leaving = await get(path('policies', p.name, 'deletion'));
            await ask({
                title: `Take ${p.name} out of force?`,
                danger: true,
                yes: 'Take it out',
                text: `${left(leaving)} What only this policy said goes back to defaults. Applying the document again brings it back.`,
                act: async () => {
                    await call('DELETE', path('policies', p.name));
                    say(`${p.name} is out of force`);
                    go(to('policies'));
                },
            });
        } catch (e) {
            fail(e);
        }
    };
    return html`
        <p class="crumbs">
            <a href=${to('policies')} data-up>
                Policies
            </a>
        </p>
        <${Loaded} of=${load}>
            ${(p) => html`
                <div class="row head">
                    <h1 tabindex="-1">${p.name}</h1>
                    <span class="muted">
                        revision ${p.revision}, ${p.authority}
                    </span>
                    ${p.deleted && html`
                        <${Badge} tone="wait">
                            out of force since <${Age} at=${p.deleted} />
                        </${Badge}>
                    `}
                    <span class="grow" />
                    ${may && html`
                        <div class="acts">
                            <a class="button primary" href=${to('policies', p.name, 'edit')}>
                                Edit
                            </a>
                            ${!p.deleted && html`
                                <button type="button" class="dangerous" onClick=${() => remove(p)}>
                                    Take out of force…
                                </button>
                            `}
                        </div>
                    `}
                </div>
                <${Trouble} error=${error} />
                ${p.needsAttention && html`
                    <div class="panel" data-attention>
                        <strong>This policy needs attention</strong>
                        <p>
                            This server does not take what its document says here; these fields have no effect until they are
                            corrected, and what devices have is not taken back:
                        </p>
                        <ul class="waits">
                            ${p.needsAttention.map((line) => html`<li>${line}</li>`)}
                        </ul>
                    </div>
                `}
                <div class="panel">
                    <div class="row">
                        <strong>
                            ${count(
                                Object.values(p.devices).reduce((a, b) => a + b, 0),
                                'device',
                            )}
                        </strong>
                        <span class="grow" />
                        <span class="muted">
                            changed <${Age} at=${p.revised} /> by ${p.revisedBy}
                        </span>
                    </div>
                    <${Bar} devices=${p.devices} />
                </div>
                <${Tabs}
                    label="About this policy"
                    current=${tab}
                    tabs=${[
                        ['document', 'Document', to('policies', name)],
                        ['devices', 'Devices', to('policies', name, 'devices')],
                        ['revisions', 'Revisions', to('policies', name, 'revisions')],
                    ]}
                />
                ${tab === 'document' && html`<${Source} text=${p.document} label="Document" />`}
                ${tab === 'devices' && html`<${Devices} name=${name} state=${query.get('state') || ''} />`}
                ${tab === 'revisions' && html`<${Revisions} name=${name} current=${p.deleted ? 0 : p.revision} />`}
            `}
        </${Loaded}>
    `;
}
