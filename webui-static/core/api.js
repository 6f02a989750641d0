/* SPDX-License-Identifier: Apache-2.0 */
/* Requests to the server: JSON in and out, problem documents as errors, and the end of a login told to whoever listens. */
import { scoped } from './authority.js';

let skew = 0; // server's clock minus ours, so that ages are right on a machine whose clock is not
export const now = () => Date.now() + skew;

export class Problem extends Error {
    constructor(body, request) {
        super(body.detail || body.title);
        Object.assign(this, { body, request, status: body.status, at: new Date(now()).toISOString() });
    }

    /** What somebody who is asked for help wants to see. */
    text() {
        return JSON.stringify({ request: this.request, at: this.at, ...this.body }, null, 2);
    }
}

let ended = () => {};
export function onLoginEnded(fn) {
    ended = fn;
}

function lookAtClock(response) {
    const date = Date.parse(response.headers.get('Date') || '');
    if (date && Math.abs(date - Date.now()) > 3000) skew = date - Date.now();
}

async function problemOf(response, request) {
    const text = await response.text();
    let body;
    try {
        body = JSON.parse(text);
    } catch {
        body = {
            title: response.statusText || 'Error',
            detail: text.slice(0, 500) || `The server answered ${response.status}.`,
        };
    }
    return new Problem({ ...body, status: response.status }, request);
}

export async function call(
    method,
    path,
    { json, body, type, headers = {}, accept = 'application/json', signal, quiet } = {},
) {
    const request = `${method} /api/v1${path}`;
    const init = {
        method,
        headers: { Accept: accept, ...headers },
        signal,
        credentials: 'same-origin',
        cache: 'no-store',
    };
    if (json !== undefined) {
        init.body = JSON.stringify(json);
        init.headers['Content-Type'] = 'application/json';
    } else if (body !== undefined) {
        init.body = body;
        init.headers['Content-Type'] = type;
    }
    let response;
    try {
        response = await fetch('/api/v1' + scoped(path), init);
    } catch (e) {
        if (e.name === 'AbortError') throw e;
        throw new Problem(
            {
                title: 'No connection',
                status: 0,
                detail: `The server did not answer (${e.message}). Is it running, and is the network up?`,
            },
            request,
        );
    }
    lookAtClock(response);
    if (!response.ok) {
        const problem = await problemOf(response, request);
        if (response.status === 401 && !quiet) ended();
        throw problem;
    }
    if (response.status === 204) return { data: null, response };
    const data = accept === 'application/json' ? await response.json() : await response.text();
    return { data, response };
}

export const get = async (path, options) => (await call('GET', path, options)).data;
export const post = async (path, json, options) => (await call('POST', path, { json, ...options })).data;

/** A path of encoded parts. */
export const at = (...parts) => '/' + parts.map((p) => encodeURIComponent(p)).join('/');
export const ofDevice = (id, ...rest) => at('devices', id, ...rest);

/** Every page of a collection, at most `most` items. */
export async function all(path, most = 5000) {
    const items = [];
    let cursor = null;
    do {
        const query = new URLSearchParams({ limit: Math.min(1000, most) });
        if (cursor) query.set('cursor', cursor);
        const page = await get(path + (path.includes('?') ? '&' : '?') + query);
        items.push(...page.items);
        cursor = page.next;
    } while (cursor && items.length < most);
    return { items, more: !!cursor };
}

/** A changing request that acts once, even if the answer is lost and somebody presses again. */
export function once() {
    const bytes = crypto.getRandomValues(new Uint8Array(12));
    return { 'Idempotency-Key': [...bytes].map((b) => b.toString(16).padStart(2, '0')).join('') };
}

/** An upload with progress, which fetch cannot tell. */
export function upload(path, file, progress, signal, type = 'application/octet-stream') {
    return new Promise((resolve, reject) => {
        const x = new XMLHttpRequest();
        const request = `POST /api/v1${path}`;
        x.open('POST', '/api/v1' + scoped(path));
        x.setRequestHeader('Content-Type', type);
        x.upload.onprogress = (e) => e.lengthComputable && progress(e.loaded / e.total);
        x.onload = () => {
            let body = {};
            try {
                body = JSON.parse(x.responseText);
            } catch {
                /* not JSON: said below */
            }
            if (x.status >= 200 && x.status < 300) return resolve(body);
            if (x.status === 401) ended();
            reject(
                new Problem(
                    { title: x.statusText, detail: `The server answered ${x.status}.`, ...body, status: x.status },
                    request,
                ),
            );
        };
        x.onerror = () =>
            reject(
                new Problem(
                    {
                        title: 'The upload broke off',
                        status: 0,
                        detail: 'The connection was lost, or the server refused the file early. Nothing was stored.',
                    },
                    request,
                ),
            );
        x.onabort = () =>
            reject(
                new Problem(
                    { title: 'Stopped', status: 0, detail: 'You stopped the upload. Nothing was stored.' },
                    request,
                ),
            );
        signal?.addEventListener('abort', () => x.abort());
        x.send(file);
    });
}
