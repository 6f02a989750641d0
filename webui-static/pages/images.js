/* SPDX-License-Identifier: Apache-2.0 */
/* Images: what is in the store, and putting more in. */
import { html, useRef, useState } from '../lib/preact.js';
import { call, get, at as path, upload } from '../core/api.js';
import { useLoad, useStream } from '../core/live.js';
import { Age, Copy, Empty, Loaded, Progress, Section, Trouble } from '../parts/ui.js';
import { ask, say } from '../parts/ask.js';
import { bytes } from '../core/words.js';
import { useMay } from '../core/who.js';

const GUESTS = ['android', 'linux', 'rtos', 'service', 'windows', 'other'],
    ARCHES = ['aarch64', 'x86_64', 'armv7', 'riscv64', 'i686', 'any'],
    FORMATS = ['raw', 'qcow2', 'bundle'];

/* "corp-linux-1.2.0.qcow2" tells its name, version and format. */
function guess(file) {
    const format = /\.qcow2?$/i.test(file) ? 'qcow2' : /\.(tar|tgz|tar\.gz)$/i.test(file) ? 'bundle' : 'raw';
    const stem = file.replace(/(\.tar)?\.[A-Za-z0-9]+$/, ''),
        m = stem.match(/^(.*?)[-_]v?(\d+(?:\.\d+)*)$/);
    return {
        name: (m ? m[1] : stem).replace(/[^A-Za-z0-9._-]/g, '-').slice(0, 64),
        ...(m ? { version: m[2] } : {}),
        format,
    };
}

function Upload({ done }) {
    const [v, set] = useState({ name: '', version: '1.0.0', guestType: 'linux', arch: 'x86_64', format: 'raw' });
    const [file, take] = useState(null);
    const [part, progress] = useState(null);
    const [error, fail] = useState(null);
    const stop = useRef(null);
    const put = (k) => (e) => set({ ...v, [k]: e.target.value });
    const pick = (k, label, options) => html`
        <div class="field">
            <label for=${'image-' + k}>${label}</label>
            <select id=${'image-' + k} value=${v[k]} onChange=${put(k)}>
                ${options.map((o) => html`<option value=${o}>${o}</option>`)}
            </select>
        </div>
    `;
    const text = (k, label, pattern, hint) => html`
        <div class="field">
            <label for=${'image-' + k}>${label}</label>
            <input
                id=${'image-' + k}
                required
                pattern=${pattern}
                title=${hint}
                value=${v[k]}
                onInput=${put(k)}
                autocomplete="off"
                spellcheck=${false}
            />
        </div>
    `;
    const send = async (e) => {
        e.preventDefault();
        fail(null);
        progress(0);
        stop.current = new AbortController();
        try {
            const image = await upload('/images?' + new URLSearchParams(v), file, progress, stop.current.signal);
            say(`${image.name}:${image.version} is stored`);
            done();
            take(null);
            e.target.reset();
        } catch (problem) {
            fail(problem);
        }
        progress(null);
    };
    return html`
        <${Section} id="upload" title="Upload">
            <form onSubmit=${send}>
                <div class="fields">
                    <div class="field wide">
                        <label for="image-file">File</label>
                        <input
                            id="image-file"
                            type="file"
                            required
                            onChange=${(e) => {
                                const f = e.target.files[0];
                                take(f || null);
                                f && set({ ...v, ...guess(f.name) });
                            }}
                        />
                    </div>
                    ${text('name', 'Name', '[A-Za-z0-9._\\-]{1,64}', 'letters, digits, . _ -')}
                    ${text('version', 'Version', '[0-9]+(\\.[0-9]+)*', 'dotted numbers, like 4.2.0')}
                    ${pick('guestType', 'Guest', GUESTS)}
                    ${pick('arch', 'Architecture', ARCHES)}
                    ${pick('format', 'Format', FORMATS)}
                </div>
                <${Trouble} error=${error} />
                <div class="row">
                    <button type="submit" class="primary" disabled=${!file || part !== null}>
                        Upload${file ? ` ${bytes(file.size)}` : ''}
                    </button>
                    ${part !== null && html`
                        <${Progress} percent=${Math.round(part * 100)} label="upload" />
                        <span class="num">
                            ${part < 1 ? `${Math.round(part * 100)} %` : 'being checked and stored'}
                        </span>
                        <button type="button" class="quiet small" onClick=${() => stop.current.abort()}>
                            Stop
                        </button>
                    `}
                </div>
            </form>
        </${Section}>
    `;
}

export function Images() {
    useStream('image');
    const may = useMay();
    const [error, fail] = useState(null);
    const list = useLoad(
        'images',
        () => get('/images?limit=1000'),
        (type) => type === 'image',
    );
    const remove = (i) =>
        ask({
            title: `Delete ${i.name}:${i.version}?`,
            danger: true,
            yes: 'Delete',
            text: 'The file is removed from the store. It is refused while a policy names it or a VM uses it.',
            act: async () => {
                await call('DELETE', path('images', i.name, i.version));
                list.reload();
                say('Deleted');
            },
        }).catch(fail);
    return html`
        <h1 tabindex="-1">Images</h1>
        <${Trouble} error=${error} />
        <${Loaded} of=${list}>
            ${({ items }) =>
                items.length ? html`
                    <div class="panel flush scroll">
                        <table class="list">
                            <thead>
                                <tr>
                                    <th>Image</th>
                                    <th>Guest</th>
                                    <th>Size</th>
                                    <th>SHA-256</th>
                                    <th>Stored</th>
                                    <th>
                                        <span class="sr">Delete</span>
                                    </th>
                                </tr>
                            </thead>
                            <tbody>
                                ${items.map((i) => html`
                                    <tr key=${`${i.authority} ${i.name}:${i.version}`}>
                                        <td>
                                            <strong>
                                                ${i.name}:${i.version}
                                            </strong>
                                            <div class="muted mono" title="Its identifier on devices">
                                                ${i.nodeName}
                                            </div>
                                        </td>
                                        <td>
                                            ${i.guestType}, ${i.arch}
                                            <div class="muted">${i.format}</div>
                                        </td>
                                        <td class="num" title=${`${i.size} bytes`}>
                                            ${bytes(i.size)}
                                        </td>
                                        <td class="mono">
                                            <span title=${i.sha256}>${i.sha256.slice(0, 12)}…</span>${' '}
                                            <${Copy} text=${i.sha256} />
                                        </td>
                                        <td>
                                            <${Age} at=${i.created} /> <span class="muted">by ${i.createdBy}</span>
                                        </td>
                                        <td class="right">
                                            ${may && html`
                                                <button
                                                    type="button"
                                                    class="quiet small dangerous"
                                                    onClick=${() => remove(i)}>
                                                    Delete…
                                                </button>
                                            `}
                                        </td>
                                    </tr>
                                `)}
                            </tbody>
                        </table>
                    </div>
                ` : html`
                    <div class="panel">
                        <${Empty}>No images yet.</${Empty}>
                    </div>
                `
            }
        </${Loaded}>
        ${may && html`<${Upload} done=${list.reload} />`}
    `;
}
