/* SPDX-License-Identifier: Apache-2.0 */
/* What a recording says of each message, taken apart: what the server understood, what it decided, what became of that. */
import { count, statusTone } from './words.js';

/** "#5 Replace ./A/B: why" becomes {n, verb, uri, why}; what is waited for, {text}. */
export function decisionsOf(reasons) {
    return reasons.map((text) => {
        const m = text.match(/^#(\d+) (\w+)(?: (\S+))?: (.*)$/);
        return m ? { n: Number(m[1]), verb: m[2], uri: m[3] || '', why: m[4] } : { text };
    });
}

/** What the device answered to each command, by its number: a later message says so. */
export function answersOf(messages) {
    const codes = new Map();
    for (const m of messages)
        for (const [, n, code] of m.understood.matchAll(/, #(\d+)=(\d+)/g)) codes.set(Number(n), Number(code));
    return codes;
}

const SAYS = {
    first: 'The first message of the session',
    triggered: 'It calls because it was called',
    done: 'It has said all it had to say',
    aborted: 'It breaks the session off',
    over: 'The session is over',
};

const numbers = (list) =>
    list.length > 4
        ? `${list.length} commands, #${list[0]} to #${list[list.length - 1]}`
        : list.map((n) => `#${n}`).join(', ');

/** The line of a trace, "known (how), first, 5 values, #3=200 (2), done", as sentences. */
export function takenFrom(understood) {
    const out = [],
        codes = new Map();
    let values = 0;
    for (const part of understood.split(', ').slice(1)) {
        const answer = part.match(/^#(\d+)=(\d+)(?: \((\d+)\))?$/),
            alert = part.match(/^alert (\d+) ?(.*)$/),
            told = part.match(/^(\d+) values$/);
        if (answer) {
            const code = Number(answer[2]);
            codes.set(code, [...(codes.get(code) || []), answer[1]]);
            values += Number(answer[3] || 0);
        } else if (alert) out.push({ text: `Alert ${alert[1]}${alert[2] ? ` ${alert[2]}` : ''}` });
        else if (told) out.push({ text: `${count(Number(told[1]), 'value')} of DevInfo` });
        else out.push({ text: SAYS[part] || part, tone: part === 'aborted' ? 'fail' : undefined });
    }
    const answers = [...codes].map(([code, list]) => ({
        text: `${code} to ${numbers(list)}`,
        tone: statusTone(code) === 'ok' ? undefined : statusTone(code),
    }));
    return [...answers, ...(values ? [{ text: `${count(values, 'value')} read` }] : []), ...out];
}
