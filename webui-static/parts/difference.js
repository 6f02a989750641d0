/* SPDX-License-Identifier: Apache-2.0 */
/* What changed between two texts, line by line; long stretches that are alike are folded. */
import { html, useState } from '../lib/preact.js';
import { diff } from '../core/diff.js';
import { count } from '../core/words.js';

const CONTEXT = 3;

/* [sign, line] rows, with ['…', rows] where many are alike. */
function folded(rows) {
    const out = [];
    for (let i = 0; i < rows.length;) {
        let end = i;
        while (end < rows.length && rows[end][0] === ' ') end++;
        const head = i === 0 ? 0 : CONTEXT,
            tail = end === rows.length ? 0 : CONTEXT;
        if (end - i > head + tail + 2) {
            out.push(
                ...rows.slice(i, i + head),
                ['…', rows.slice(i + head, end - tail)],
                ...rows.slice(end - tail, end),
            );
        } else out.push(...rows.slice(i, end));
        for (i = end; i < rows.length && rows[i][0] !== ' '; i++) out.push(rows[i]);
    }
    return out;
}

const CLASS = { '+': 'added', '-': 'removed' };
const Line = ({ row: [sign, line] }) => html`
    <div class=${CLASS[sign] || ''}>
        ${sign} ${line}
        ${'\n'}
    </div>
`;

function Fold({ rows }) {
    const [open, set] = useState(false);
    return open ? (
        rows.map((r) => html`<${Line} row=${r} />`)
    ) : html`
        <button type="button" class="fold" onClick=${() => set(true)}>
            ${count(rows.length, 'line')} alike
        </button>
    `;
}

/** `before` or `after` may be null: all of the other is new, or gone. */
export function Difference({ before, after, label = 'What changed' }) {
    const lines = (text, sign) => text.split('\n').map((l) => [sign, l]);
    const rows = before === null ? lines(after, '+') : after === null ? lines(before, '-') : diff(before, after);
    return html`
        <div class="diff" tabindex="0" role="group" aria-label=${label}>
            ${folded(rows).map((r) => (r[0] === '…' ? html`<${Fold} rows=${r[1]} />` : html`<${Line} row=${r} />`))}
        </div>
    `;
}
