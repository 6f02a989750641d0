/* SPDX-License-Identifier: Apache-2.0 */
/* Of which authority the pages speak, for who may use several: chosen once, remembered, part of every request. */
import { useEffect, useState } from '../lib/preact.js';

const KEY = 'dmvisor.authority';
let chosen = localStorage.getItem(KEY) || '',
    names = [];
const watchers = new Set();
const tell = () => watchers.forEach((set) => set({ chosen, names }));

/** The chosen one; empty = all that this login may use. */
export const authority = () => chosen;

export const authorities = () => ({ chosen, names });

export function choose(name) {
    chosen = name;
    if (name) localStorage.setItem(KEY, name);
    else localStorage.removeItem(KEY);
    tell();
}

/** What there is to choose from: none for a login of one authority. */
export function offer(list) {
    names = list.length > 1 ? list : [];
    if (!names.includes(chosen)) choose('');
    tell();
}

export function useAuthority() {
    const [value, set] = useState({ chosen, names });
    useEffect(() => {
        watchers.add(set);
        set({ chosen, names });
        return () => watchers.delete(set);
    }, []);
    return value;
}

/** An address of the API that speaks of it. */
export function scoped(path) {
    if (!chosen || /[?&]authority=/.test(path) || /^\/(whoami|login|logout|authorities)\b/.test(path)) return path;
    return `${path}${path.includes('?') ? '&' : '?'}authority=${encodeURIComponent(chosen)}`;
}
