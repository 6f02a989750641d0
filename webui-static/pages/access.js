/* SPDX-License-Identifier: Apache-2.0 */
/* Who may come in: tokens, made and ended. */
import { html } from '../lib/preact.js';
import { call, get, once } from '../core/api.js';
import { useLoad, useStream } from '../core/live.js';
import { Age, Empty, Icon, Loaded, Source, Time } from '../parts/ui.js';
import { ask, say } from '../parts/ask.js';

const ROLES = ['viewer', 'operator', 'admin', 'auditor'],
    ALL = 'all that I may see';

async function make(authorities, done) {
    const made = await ask({
        title: 'A new token',
        yes: 'Make it',
        fields: [
            { name: 'name', label: 'For whom or what', required: true },
            {
                name: 'role',
                label: 'Role',
                options: ROLES,
                value: 'viewer',
                hint: 'viewer: looks; operator: changes things; admin: gives access too; auditor: sees the audit.',
            },
            { name: 'authority', label: 'Authority', options: [ALL, ...authorities], value: ALL },
            { name: 'expires', label: 'Ends on (optional)', type: 'date' },
        ],
        act: async (v) =>
            (
                await call('POST', '/tokens', {
                    json: {
                        name: v.name.trim(),
                        role: v.role,
                        ...(v.authority === ALL ? {} : { authority: v.authority }),
                        ...(v.expires ? { expires: new Date(v.expires).toISOString() } : {}),
                    },
                    headers: once(),
                })
            ).data,
    });
    if (!made) return;
    done();
    await ask({
        title: `The token of ${made.name}`,
        yes: 'I have kept it',
        text: 'It is shown this once.',
        body: html`<${Source} text=${made.token} label="Token" />`,
    });
}

export function Access() {
    useStream('policy');
    const list = useLoad('tokens', () => get('/tokens?limit=1000'));
    const root = useLoad('root', () => get(''));
    const end = (t) =>
        ask({
            title: `End the token of ${t.name}?`,
            danger: true,
            yes: 'End it',
            text: 'Whoever is logged in with it is logged out at once.',
            act: async () => {
                await call('DELETE', `/tokens/${t.id}`);
                list.reload();
                say(`The token of ${t.name} has ended`);
            },
        });
    return html`
        <div class="row">
            <h1 tabindex="-1">Access</h1>
            <span class="grow" />
            <button
                type="button"
                class="primary"
                onClick=${() => make(root.data?.authorities || [], list.reload)}>
                <${Icon} name="plus" />
                New token
            </button>
        </div>
        <${Loaded} of=${list}>
            ${({ items }) =>
                items.length ? html`
                    <div class="panel flush scroll">
                        <table class="list">
                            <thead>
                                <tr>
                                    <th>Name</th>
                                    <th>Role</th>
                                    <th>Authority</th>
                                    <th>Used</th>
                                    <th>Ends</th>
                                    <th>Made</th>
                                    <th>
                                        <span class="sr">End</span>
                                    </th>
                                </tr>
                            </thead>
                            <tbody>
                                ${items.map((t) => html`
                                    <tr key=${t.id}>
                                        <td>
                                            <strong>${t.name}</strong>
                                        </td>
                                        <td>${t.role}</td>
                                        <td>${t.authority || 'all'}</td>
                                        <td data-th="Used">
                                            <${Age} at=${t.used} />
                                        </td>
                                        <td data-th="Ends">
                                            ${t.expires ? html`<${Time} at=${t.expires} />` : html`
                                                <span class="muted">never</span>
                                            `}
                                        </td>
                                        <td data-th="Made">
                                            <${Age} at=${t.created} />
                                        </td>
                                        <td class="right">
                                            <button
                                                type="button"
                                                class="quiet small dangerous"
                                                onClick=${() => end(t)}>
                                                End…
                                            </button>
                                        </td>
                                    </tr>
                                `)}
                            </tbody>
                        </table>
                    </div>
                ` : html`<${Empty}>No tokens.</${Empty}>`
            }
        </${Loaded}>
    `;
}
