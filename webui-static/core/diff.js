/* SPDX-License-Identifier: Apache-2.0 */
/* Lines that two texts share and do not share: [" " | "-" | "+", line], by longest common subsequence. */
const MOST = 2000;

export function diff(before, after) {
    const a = before.replace(/\n$/, '').split('\n'),
        b = after.replace(/\n$/, '').split('\n');
    let head = 0;
    while (head < a.length && head < b.length && a[head] === b[head]) head++;
    let tail = 0;
    while (tail < a.length - head && tail < b.length - head && a[a.length - 1 - tail] === b[b.length - 1 - tail])
        tail++;
    const x = a.slice(head, a.length - tail),
        y = b.slice(head, b.length - tail);
    return [
        ...a.slice(0, head).map((l) => [' ', l]),
        ...middle(x, y),
        ...a.slice(a.length - tail).map((l) => [' ', l]),
    ];
}

function middle(x, y) {
    if (x.length > MOST || y.length > MOST) return [...x.map((l) => ['-', l]), ...y.map((l) => ['+', l])];
    const w = y.length + 1,
        t = new Uint16Array((x.length + 1) * w),
        out = [];
    for (let i = x.length - 1; i >= 0; i--)
        for (let j = y.length - 1; j >= 0; j--)
            t[i * w + j] =
                x[i] === y[j] ? t[(i + 1) * w + j + 1] + 1 : Math.max(t[(i + 1) * w + j], t[i * w + j + 1]);
    let i = 0,
        j = 0;
    while (i < x.length || j < y.length)
        if (i < x.length && j < y.length && x[i] === y[j]) (out.push([' ', x[i++]]), j++);
        else if (i < x.length && (j >= y.length || t[(i + 1) * w + j] >= t[i * w + j + 1])) out.push(['-', x[i++]]);
        else out.push(['+', y[j++]]);
    return out;
}
