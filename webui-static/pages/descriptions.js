/* SPDX-License-Identifier: Apache-2.0 */
/* Device descriptions (DDF) of vendors: what is there, what they are for, and putting more in. */
import { html, useEffect, useRef, useState } from '../lib/preact.js';
import { at as path, call, get, upload } from '../core/api.js';
import { useLoad } from '../core/live.js';
import { go, to } from '../core/route.js';
import { ask, say } from '../parts/ask.js';
import { Age, Empty, Facts, Icon, Loaded, Progress, Section, Source, Time, Trouble, save } from '../parts/ui.js';
import { readDdf } from '../core/ddf.js';
import { bytes, count } from '../core/words.js';
import { useWho } from '../core/who.js';

const AROUND = 3,
    SHOWN = 100000;
const XML = 'application/xml';

/** Which devices it is meant for, in words and as a filter of the page Devices. */
function meantFor(d) {
    const parts = [
        d.manufacturer && ['manufacturer', 'devinfo.man', d.manufacturer],
        d.model && ['model', 'devinfo.mod', d.model],
    ].filter(Boolean);
    const words = [...parts.map(([what, , value]) => `${what} ${value}`), d.object && `object ${d.object}`].filter(
        Boolean,
    );
    return {
        words: words.join(', ') || 'all devices',
        filter: parts.map(([, fact, value]) => `${fact} == ${JSON.stringify(value)}`).join(' and '),
    };
}

/* The lines of the file where something is wrong. */
function Excerpt({ file, errors }) {
    const [lines, set] = useState(null);
    const wrong = errors.map((e) => e.line).filter(Boolean);
    useEffect(() => {
        let live = true;
        file.text().then((t) => live && set(t.split('\n')));
        return () => {
            live = false;
        };
    }, [file]);
    if (!lines || !wrong.length) return null;
    const from = Math.max(1, wrong[0] - AROUND),
        till = Math.min(lines.length, wrong[0] + AROUND);
    return html`
        <div class="diff excerpt" tabindex="0" role="group" aria-label=${`Lines ${from} to ${till} of ${file.name}`}>
            ${lines.slice(from - 1, till).map((l, i) => html`
                <div class=${wrong.includes(from + i) ? 'removed' : ''}>
                    ${String(from + i).padStart(6)} ${l.slice(0, 400)}
                </div>
            `)}
        </div>
    `;
}

/** Errors with the file that they are of: those of several have "/descriptions/N/..." */
function byFile(errors, files) {
    const of = new Map();
    for (const e of errors || []) {
        const f = files[Number(/^\/descriptions\/(\d+)\//.exec(e.pointer || '')?.[1] ?? 0)];
        if (f) of.set(f, [...(of.get(f) || []), e]);
    }
    return [...of];
}

function Upload({ known, done }) {
    const [v, set] = useState({ name: '', manufacturer: '', model: '', object: '' });
    const [files, take] = useState([]);
    const [part, progress] = useState(null);
    const [error, fail] = useState(null);
    const stop = useRef(null),
        form = useRef(null);
    const field = (k, label, more) => html`
        <div class="field">
            <label for=${`ddf-${k}`}>${label}</label>
            <input
                id=${`ddf-${k}`}
                value=${v[k]}
                onInput=${(e) => set({ ...v, [k]: e.target.value })}
                autocomplete="off"
                spellcheck=${false}
                ...${more}
            />
        </div>
    `;
    const stem = (f) => (f ? f.name.replace(/\.[^.]*$/, '').slice(0, 100) : '');
    const pick = (e) => {
        const list = [...e.target.files];
        fail(null);
        take(list);
        if (v.name === stem(files[0])) set({ ...v, name: stem(list[0]) }); // nobody has chosen another
    };
    const several = files.length > 1;
    /** Several go in one request: all of them are taken, or none. */
    const sendAll = async (query) => {
        const descriptions = await Promise.all(files.map(async (f) => ({ name: stem(f), document: await f.text() })));
        const body = new Blob([JSON.stringify({ descriptions })]);
        const { items } = await upload(`/descriptions:batch?${query}`, body, progress, stop.current.signal, 'application/json');
        say(`${count(items.length, 'description')} in force: ${count(items.reduce((n, d) => n + d.nodes, 0), 'node')}`);
    };
    const send = async (e) => {
        e.preventDefault();
        fail(null);
        progress(0);
        stop.current = new AbortController();
        try {
            const query = new URLSearchParams(
                Object.entries(v)
                    .map(([k, x]) => [k, x.trim()])
                    .filter(([k, x]) => x && !(several && k === 'name')),
            );
            if (several) await sendAll(query);
            else {
                const d = await upload(`/descriptions?${query}`, files[0], progress, stop.current.signal, XML);
                say(`${d.name} is in force: ${count(d.nodes, 'node')}`, { href: to('descriptions', d.name) });
            }
            form.current.reset();
            take([]);
            set({ name: '', manufacturer: '', model: '', object: '' });
            done();
        } catch (problem) {
            fail(problem);
        }
        progress(null);
    };
    const names = several ? files.map(stem) : [v.name.trim()];
    const replaced = known.filter((d) => names.includes(d.name));
    const wrong = byFile(error?.body?.errors, files);
    return html`
        <${Section} id="upload" title="Upload">
            <form ref=${form} onSubmit=${send}>
                <div class="fields">
                    <div class="field wide">
                        <label for="ddf-file">Files (DDF, XML)</label>
                        <input
                            id="ddf-file"
                            type="file"
                            accept=".xml,.ddf,application/xml,text/xml"
                            required
                            multiple
                            onChange=${pick}
                        />
                    </div>
                    ${!several && field('name', 'Name', { required: true, maxLength: 100, pattern: '[^\\/]+' })}
                    ${field('manufacturer', 'Only manufacturer (optional)', { placeholder: 'as in DevInfo/Man' })}
                    ${field('model', 'Only model (optional)', { placeholder: 'as in DevInfo/Mod' })}
                    ${field('object', 'Only object (optional)', { placeholder: 'urn:oma:mo:…' })}
                </div>
                <p class="hint">
                    It holds for all devices of the authority, or for those that report what you write here. From
                    then on, what is asked of them is checked by it before it is sent.
                </p>
                ${replaced.map((d) => html`
                    <p class="why t-wait">
                        Replaces ${d.name}, which was uploaded <${Age} at=${d.created} /> by${' '} ${d.createdBy}.
                    </p>
                `)}
                <${Trouble} error=${error}>
                    ${wrong.map(([f, errors]) => html`
                        ${several && html`
                            <h3>${f.name}</h3>
                            <ul>
                                ${errors.map((x) => html`<li>${x.detail}</li>`)}
                            </ul>
                        `}
                        <${Excerpt} key=${f.name} file=${f} errors=${errors} />
                    `)}
                </${Trouble}>
                <div class="row">
                    <button type="submit" class="primary" disabled=${!files.length || part !== null}>
                        ${replaced.length && replaced.length === files.length ? 'Replace' : 'Upload'}
                        ${several ? ` ${files.length} files` : ''}
                        ${files.length ? ` (${bytes(files.reduce((n, f) => n + f.size, 0))})` : ''}
                    </button>
                    ${part !== null && html`
                        <${Progress} percent=${part < 1 ? Math.round(part * 100) : -1} label="upload" />
                        <span class="num">${part < 1 ? `${Math.round(part * 100)} %` : 'being checked'}</span>
                        <button type="button" class="quiet small" onClick=${() => stop.current.abort()}>
                            Stop
                        </button>
                    `}
                </div>
            </form>
        </${Section}>
    `;
}

export function Descriptions() {
    const may = useWho()?.role === 'admin';
    const list = useLoad('descriptions', () => get('/descriptions?limit=1000'));
    return html`
        <h1 tabindex="-1">Descriptions</h1>
        <p class="hint">
            What vendors say of their devices' trees (OMA DDF). Those of the server itself hold besides.
        </p>
        <${Loaded} of=${list}>
            ${({ items }) => html`
                ${items.length ? html`
                    <div class="panel flush scroll">
                        <table class="list">
                            <thead>
                                <tr>
                                    <th>Description</th>
                                    <th>For</th>
                                    <th>Objects</th>
                                    <th>Nodes</th>
                                    <th>Size</th>
                                    <th>Uploaded</th>
                                </tr>
                            </thead>
                            <tbody>
                                ${items.map((d) => html`
                                    <tr key=${`${d.authority} ${d.name}`}>
                                        <td>
                                            <a
                                                data-row
                                                href=${to('descriptions', d.name, {
                                                    authority: d.authority,
                                                })}>
                                                ${d.name}
                                            </a>
                                            <div class="muted">${d.authority}</div>
                                        </td>
                                        <td>${meantFor(d).words}</td>
                                        <td class="mono">
                                            ${d.objects.map((o) => html`<div>${o}</div>`)}
                                        </td>
                                        <td class="num" data-th="Nodes">
                                            ${d.nodes.toLocaleString('en')}
                                        </td>
                                        <td class="num nowrap" data-th="Size">
                                            ${bytes(d.bytes)}
                                        </td>
                                        <td data-th="Uploaded">
                                            <${Age} at=${d.created} />${' '}
                                            <span class="muted">by ${d.createdBy}</span>
                                        </td>
                                    </tr>
                                `)}
                            </tbody>
                        </table>
                    </div>
                ` : html`
                    <div class="panel">
                        <${Empty}>
                            No vendor's description was uploaded. Devices are known by what the server has
                            itself; what a vendor added can be looked at and set, but not checked.
                        </${Empty}>
                    </div>
                `}
                ${may && html`<${Upload} known=${items} done=${list.reload} />`}
            `}
        </${Loaded}>
    `;
}

function Node({ n, depth }) {
    const [open, set] = useState(depth < 1);
    const inner = n.children.length > 0;
    const words = [
        n.allowed && `allowed: ${n.allowed}`,
        n.start && `default ${n.start}`,
        n.occurs && n.occurs !== '1' && n.occurs,
        n.object,
    ]
        .filter(Boolean)
        .join('; ');
    return html`
        <li>
            <div class="node">
                <button
                    type="button"
                    class="link"
                    data-row
                    title=${n.uri}
                    aria-expanded=${inner ? open : undefined}
                    onClick=${() => inner && set(!open)}>
                    ${inner ? html`<${Icon} name=${open ? 'down' : 'next'} />` : html`<span class="leaf" />`}
                    ${n.title || n.name}
                </button>
                <span class="muted">${n.format}</span> <span class="muted">${n.access.join(', ')}</span>
                ${(n.description || words) && html`
                    <span class="muted says" title=${[n.description, words].filter(Boolean).join('\n')}>
                        ${[words, n.description].filter(Boolean).join('; ')}
                    </span>
                `}
            </div>
            ${inner && open && html`
                <ul>
                    ${n.children.map((c) => html`<${Node} n=${c} depth=${depth + 1} />`)}
                </ul>
            `}
        </li>
    `;
}

export function Description({ name, query }) {
    const may = useWho()?.role === 'admin';
    const [error, fail] = useState(null);
    const of =
        path('descriptions', name) +
        (query.get('authority') ? `?authority=${encodeURIComponent(query.get('authority'))}` : '');
    const load = useLoad(of, () => get(of));
    const document = useLoad(`xml ${of}`, async () => (await call('GET', of, { accept: XML })).data);
    const filter = load.data ? meantFor(load.data).filter : null;
    const devices = useLoad(filter === null ? null : `for ${filter}`, () =>
        get(`/devices?limit=100${filter ? `&filter=${encodeURIComponent(filter)}` : ''}`),
    );
    const remove = () =>
        ask({
            title: `Take ${name} away?`,
            danger: true,
            yes: 'Take away',
            text: 'What it describes is no longer checked before it is sent. Nothing changes on devices.',
            act: async () => {
                await call('DELETE', of);
                say(`${name} is taken away`);
                go(to('descriptions'));
            },
        }).catch(fail);
    return html`
        <p class="crumbs">
            <a href=${to('descriptions')} data-up>
                Descriptions
            </a>
        </p>
        <${Loaded} of=${load}>
            ${(d) => html`
                <div class="row head">
                    <h1 tabindex="-1">${d.name}</h1>
                    <span class="muted">${d.authority}</span>
                    <span class="grow" />
                    <div class="acts">
                        <button
                            type="button"
                            disabled=${!document.data}
                            onClick=${() => save(`${d.name}.xml`, document.data, XML)}>
                            Save the file
                        </button>
                        ${may && html`
                            <button type="button" class="dangerous" onClick=${remove}>
                                Take away…
                            </button>
                        `}
                    </div>
                </div>
                <${Trouble} error=${error} />
                <div class="panel">
                    <${Facts}
                        flow
                        rows=${[
                            ['For', meantFor(d).words],
                            devices.data && [
                                'Devices that fit',
                                html`
                                <a href=${to('devices', { filter })}>
                                    ${count(devices.data.items.length, 'device')}
                                    ${devices.data.next ? ' or more' : ''}
                                </a>
                                ${d.object && html`
                                    ${' '}
                                    <span class="muted">of which those with the object</span>
                                `}
                                `,
                            ],
                            [
                                'Describes',
                                d.objects.length
                                    ? d.objects.map((o) => html`<div class="mono">${o}</div>`)
                                    : 'no object of its own',
                            ],
                            ['Nodes', d.nodes.toLocaleString('en')],
                            ['Size', bytes(d.bytes)],
                            [
                                'Uploaded',
                                html`
                                <${Time} at=${d.created} /> (<${Age} at=${d.created} />) by ${d.createdBy}
                                `,
                            ],
                        ]}
                    />
                </div>
                <${Loaded} of=${document}>
                    ${(xml) => {
                        const nodes = readDdf(xml);
                        return html`
                            <${Section} id="nodes" title="Its tree">
                                ${nodes ? html`
                                    <div class="tree">
                                        <ul>
                                            ${nodes.map((n) => html`<${Node} n=${n} depth=${0} />`)}
                                        </ul>
                                    </div>
                                ` : html`
                                    <${Empty}>
                                        The browser cannot read this document as XML; the server could.
                                    </${Empty}>
                                `}
                            </${Section}>
                            <details>
                                <summary>The document</summary>
                                ${xml.length > SHOWN && html`
                                    <p class="hint">The first ${bytes(SHOWN)}; save the file for all.</p>
                                `}
                                <${Source} text=${xml.slice(0, SHOWN)} label="Document" />
                            </details>
                        `;
                    }}
                </${Loaded}>
            `}
        </${Loaded}>
    `;
}
