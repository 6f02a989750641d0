/* SPDX-License-Identifier: Apache-2.0 */
/* Where we are: "#/devices/IMEI%3A0010/operations?open=1" and back. */
import { useEffect, useState } from '../lib/preact.js';

export function parse(hash) {
    const [path, query = ''] = hash.replace(/^#\/?/, '').split('?');
    return {
        parts: path
            .split('/')
            .filter(Boolean)
            .map((p) => {
                try {
                    return decodeURIComponent(p);
                } catch {
                    return p;
                }
            }),
        query: new URLSearchParams(query),
    };
}

/** to('devices', id, 'tree') or, with a last object, its query. */
export function to(...parts) {
    const query =
        typeof parts[parts.length - 1] === 'object'
            ? new URLSearchParams(Object.entries(parts.pop()).filter(([, v]) => v)).toString()
            : '';
    return '#/' + parts.map((p) => encodeURIComponent(p)).join('/') + (query ? '?' + query : '');
}

export function go(hash) {
    location.hash = hash;
}

/** The same place with another query, without a step in the history. */
export function refine(hash) {
    history.replaceState(null, '', hash);
    window.dispatchEvent(new HashChangeEvent('hashchange'));
}

export function useRoute() {
    const [hash, set] = useState(location.hash);
    useEffect(() => {
        const fn = () => set(location.hash);
        window.addEventListener('hashchange', fn);
        fn(); // it may have changed since this was rendered
        return () => window.removeEventListener('hashchange', fn);
    }, []);
    return parse(hash);
}
