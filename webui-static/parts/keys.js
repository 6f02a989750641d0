/* SPDX-License-Identifier: Apache-2.0 */
/* Keys: one table, shown by "?". Lists move by j/k or arrows between their links marked data-row. */
import { html, useEffect } from '../lib/preact.js';
import { ask } from './ask.js';
import { go, parse, to } from '../core/route.js';

const PLACES = {
    o: ['Overview'],
    d: ['Devices', 'devices'],
    s: ['Sessions', 'sessions'],
    r: ['Operations', 'operations'],
    p: ['Policies', 'policies'],
    i: ['Images', 'images'],
    e: ['Descriptions', 'descriptions'],
    a: ['Audit', 'audit'],
    t: ['Access', 'access'],
};

function help() {
    const rows = [
        ['j, ↓', 'next row'],
        ['k, ↑', 'row before'],
        ['Home, End', 'first, last row'],
        ['Enter', 'open it'],
        ['/', 'to the filter'],
        ['[ and ]', 'tab before, next tab'],
        ['u', 'up: from a VM to its device, from there to the list'],
        ...Object.entries(PLACES).map(([key, [name]]) => [`g then ${key}`, name]),
        ['Esc', 'leave the filter, close'],
        ['?', 'this list'],
    ];
    ask({
        title: 'Keys',
        yes: null,
        body: html`
            <div class="scroll">
                <table class="keys">
                    <tbody>
                        ${rows.map(([k, what]) => html`
                            <tr>
                                <th scope="row">
                                    ${k.split(/(, | and | then )/).map((p, i) => (i % 2 ? p : html`<kbd>${p}</kbd>`))}
                                </th>
                                <td>${what}</td>
                            </tr>
                        `)}
                    </tbody>
                </table>
            </div>
        `,
    }).catch(() => {});
}

function move(step) {
    const rows = [...document.querySelectorAll('[data-row]')].filter((r) => r.offsetParent !== null);
    if (!rows.length) return false;
    const here = rows.indexOf(document.activeElement);
    const next =
        step === 'first'
            ? 0
            : step === 'last'
              ? rows.length - 1
              : here < 0
                ? step > 0
                    ? 0
                    : rows.length - 1
                : here + step;
    rows[Math.max(0, Math.min(rows.length - 1, next))].focus();
    return true;
}

function tab(step) {
    const tabs = [...document.querySelectorAll('main .tabs a')];
    const path = (hash) => parse(hash).parts.join('/');
    // by the address: a key that comes before the page is drawn again goes on from there
    const at = tabs.findIndex((t) => path(t.getAttribute('href')) === path(location.hash));
    const here = at >= 0 ? at : tabs.findIndex((t) => t.getAttribute('aria-current'));
    if (tabs.length) go(tabs[(here + step + tabs.length) % tabs.length].getAttribute('href'));
}

const ACTS = {
    j: () => move(1),
    ArrowDown: () => move(1),
    k: () => move(-1),
    ArrowUp: () => move(-1),
    '/': () => {
        const f = document.querySelector('[data-filter]');
        f?.focus();
        f?.select();
        return !!f;
    },
    '?': () => (help(), true),
    '[': () => (tab(-1), true),
    ']': () => (tab(1), true),
    u: () => {
        const up = document.querySelector('[data-up]');
        up?.click();
        return !!up;
    },
};

export function useKeys() {
    useEffect(() => {
        let g = 0;
        const key = (e) => {
            if (e.ctrlKey || e.metaKey || e.altKey || document.querySelector('dialog[open]')) return;
            const typing = e.target.closest('input, textarea, select, [contenteditable]');
            if (typing) {
                if (e.key === 'Escape') e.target.blur();
                else if (e.key === 'ArrowDown' && e.target.matches('[data-filter]') && move('first'))
                    e.preventDefault();
                return;
            }
            if (e.target.closest('.menu-list, pre')) return;
            if (g && Date.now() - g < 1500 && PLACES[e.key]) {
                e.preventDefault();
                go(to(...PLACES[e.key].slice(1)));
                g = 0;
                return;
            }
            g = e.key === 'g' ? Date.now() : 0;
            const inList = e.target.matches('[data-row]');
            if (inList && (e.key === 'Home' || e.key === 'End')) {
                move(e.key === 'Home' ? 'first' : 'last');
                e.preventDefault();
                return;
            }
            if (e.key.startsWith('Arrow') && !inList && e.target !== document.body && !e.target.matches('h1, main'))
                return; // arrows belong to what has the focus
            if (ACTS[e.key]?.()) e.preventDefault();
        };
        document.addEventListener('keydown', key);
        return () => document.removeEventListener('keydown', key);
    }, []);
}
export { help };
