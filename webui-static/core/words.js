/* SPDX-License-Identifier: Apache-2.0 */
/* How states, figures and events are said. Tones: ok, work, wait, fail, none; each has a sign of its own, so that colour is
 * never alone. */
import { isQuestion, questionWords } from './question.js';

const DEVICE = {
    new: 'none',
    settled: 'ok',
    working: 'work',
    waiting: 'wait',
    failed: 'fail',
    unreachable: 'wait',
    pending: 'work',
    overdue: 'wait',
    unauthenticated: 'fail',
};
const DEVICE_SAYS = {
    new: 'registered, has not connected yet',
    settled: 'it has fetched what is wanted, and all of it is verified',
    pending: 'something changed that it has not fetched yet',
    overdue: 'the device missed its last polls',
    unauthenticated: 'its credentials were refused',
    working: 'changes are being made',
    waiting: 'something must happen first',
    failed: 'a change was refused or went wrong',
    unreachable: 'does not answer',
};
export const SUMMARIES = [
    'unauthenticated',
    'failed',
    'unreachable',
    'overdue',
    'waiting',
    'pending',
    'working',
    'new',
    'settled',
];
export const summaryTone = (s) => DEVICE[s] || 'none';
export const summarySays = (s) => DEVICE_SAYS[s] || '';

const OPERATION = {
    queued: 'wait',
    notified: 'wait',
    sent: 'work',
    accepted: 'work',
    acknowledged: 'work',
    verified: 'ok',
    failed: 'fail',
    cancelled: 'none',
    superseded: 'none',
    expired: 'fail',
    unknown: 'wait',
};
export const operationTone = (s) => OPERATION[s] || 'none';
export const isOpen = (s) => ['queued', 'notified', 'sent', 'accepted', 'acknowledged'].includes(s);
export const canCancel = (s) => ['queued', 'notified'].includes(s);

const NOTIFICATION = { pending: 'wait', sent: 'work', answered: 'ok', failed: 'fail', cancelled: 'none' };
export const notificationTone = (s) => NOTIFICATION[s] || 'none';

const SESSION = { done: 'ok', running: 'work', open: 'work', aborted: 'fail', refused: 'fail', lost: 'fail' };
export const sessionTone = (s) => SESSION[s] || (s ? 'none' : 'work');
const SESSION_SAYS = {
    done: 'both sides have said all they had to say',
    open: 'it is under way',
    aborted: 'the device broke it off',
    refused: 'the device was refused',
    lost: 'the device stopped answering before it was over',
};
export const sessionSays = (s) => SESSION_SAYS[s] || 'it is under way';
/** Of a SyncML status: what asks for proof or says "not there" is no error yet. */
export const statusTone = (code) =>
    code >= 200 && code < 300 ? 'ok' : code < 200 ? 'work' : [401, 407, 404, 418].includes(code) ? 'wait' : 'fail';

const ASSIGNMENT = {
    settled: 'ok',
    working: 'work',
    waiting: 'wait',
    pending: 'none',
    failed: 'fail',
    overdue: 'wait',
    unreachable: 'wait',
    unauthenticated: 'fail',
};
export const ASSIGNMENTS = [
    'failed',
    'unauthenticated',
    'unreachable',
    'overdue',
    'waiting',
    'working',
    'pending',
    'settled',
];
export const assignmentTone = (s) => ASSIGNMENT[s] || 'none';

/** Of a VM's state: its health, and what is not stable is under way. */
const HEALTH = { ok: 'ok', failed: 'fail' };
export function vmTone(vm) {
    if (vm.stateText === 'missing') return 'wait';
    return HEALTH[vm.health] || (vm.stable === false && vm.stateText !== 'undefined' ? 'work' : 'none');
}
export const vmLabel = (vm) => vm.stateLabel || vm.stateText || 'Unknown';

/** A VM row with the VM that an event of type vm carries; what policies and the tree say of it stays. */
export const withVmEvent = (vm, e) => ({
    ...vm,
    operation: undefined,
    ...e.object,
});

/** Devices of a list after a handful of events. */
export function withEvents(items, list) {
    const index = new Map(items.map((d, i) => [d.id, i])),
        next = [...items];
    for (const [type, e] of list) {
        const i = index.get(e.device);
        if (i !== undefined) next[i] = withEvent(next[i], type, e);
    }
    return next;
}

/** A device of a list with what an event says. */
function withEvent(device, type, e) {
    if (type === 'device') return e.summary === undefined ? device : { ...device, summary: e.summary, why: e.why };
    if (type === 'session') return { ...device, seen: e.at };
    if (type !== 'vm' || !e.vm) return device;
    const rest = device.vms.filter((v) => v.id !== e.vm);
    if (e.gone) return { ...device, vms: rest };
    if (!e.object) return device;
    const old = device.vms.find((v) => v.id === e.vm) || { id: e.vm };
    return { ...device, seen: e.at, vms: [...rest, withVmEvent(old, e)].sort((a, b) => (a.id < b.id ? -1 : 1)) };
}

const spaced = (kind) => kind.replace(/([A-Z])/g, ' $1').replace(/^./, (c) => c.toUpperCase());
const VERBS = {
    get: 'Read',
    add: 'Add',
    replace: 'Write',
    delete: 'Delete',
    exec: 'Execute',
    copy: 'Copy to',
    atomic: 'Atomic',
    sequence: 'Sequence',
    acl: 'Access rights of',
    display: 'Display to user',
    confirm: 'Prompt user',
    input: 'Prompt user',
    choice: 'Prompt user',
    choices: 'Prompt user',
};
/** What it is called: a command to the tree by what it does and where. */
export const operationLabel = (o) =>
    o.kind === 'tree'
        ? [VERBS[o.command] || spaced(o.command || 'tree command'), isQuestion(o.command) ? questionWords(o.data) : o.uri]
              .concat(o.commands && o.command !== 'acl' ? `of ${count(o.commands.length, 'command')}` : [])
              .filter(Boolean)
              .join(isQuestion(o.command) ? ': ' : ' ')
        : o.label || spaced(o.kind);

/** One sentence for an event, its tone and what it is about; null when it says nothing to a person. */
export function sayEvent(type, e) {
    const of = e.vm ? `${e.vm}` : '';
    switch (type) {
        case 'device':
            if (e.change) return { tone: 'none', what: 'Device', text: e.change };
            return (
                e.summary && {
                    tone: summaryTone(e.summary),
                    what: e.summary,
                    text: e.why || summarySays(e.summary),
                }
            );
        case 'vm':
            if (e.gone) return { tone: 'none', what: 'VM gone', text: of };
            if (e.alert)
                return {
                    tone: /fatal|critical/.test(e.mark) ? 'fail' : 'none',
                    what: `${of}: ${e.alert.replace(/_/g, ' ')}`,
                    text: e.data || '',
                };
            if (e.change) return { tone: 'none', what: `${of}: ${e.change}`, text: '' };
            if (!e.object) return null;
            return {
                tone: vmTone(e.object),
                what: `${of}: ${vmLabel(e.object)}`,
                text: [e.object.locked ? e.object.lockText : '', e.object.why, e.object.verified ? 'verified' : '']
                    .filter(Boolean)
                    .join(', '),
            };
        case 'operation':
            return {
                tone: operationTone(e.state),
                what: `${operationLabel(e)}${of ? ' ' + of : e.image ? ' ' + e.image : ''}: ${e.state}`,
                text: [e.reason, e.code ? `code ${e.code}` : ''].filter(Boolean).join(', '),
                operation: e.id,
            };
        case 'policy':
            return {
                tone: 'none',
                what: `Policy ${e.policy}`,
                text: `revision ${e.revision} ${e.change || ''}, ${count(e.affected ?? 0, 'device')}`,
                policy: e.policy,
            };
        case 'notification':
            return {
                tone: notificationTone(e.state),
                what: `Call ${e.state}`,
                text:
                    e.state === 'answered'
                        ? `after ${e.latencyMs} ms`
                        : [e.tries > 1 ? `attempt ${e.tries}` : '', e.why, e.error].filter(Boolean).join(', '),
            };
        case 'image':
            return {
                tone: 'none',
                what: `Image ${e.name ? `${e.name}:${e.version}` : e.image || ''}`,
                text: e.alert ? e.alert.replace(/_/g, ' ') : e.change || 'stored',
            };
        case 'session':
            return {
                tone: sessionTone(e.outcome),
                what: `Session ${e.outcome}`,
                text: [count(e.messages, 'message'), e.why].filter(Boolean).join(', '),
            };
    }
    return null;
}

export const count = (n, word, many = word + 's') => `${n.toLocaleString('en')} ${n === 1 ? word : many}`;

/* Times. */
const two = (n) => String(n).padStart(2, '0');
export function utc(text) {
    return text.replace('T', ' ').replace('Z', ' UTC');
}
export function local(text, at) {
    const t = new Date(text),
        today = new Date(at).toDateString() === t.toDateString();
    const clock = `${two(t.getHours())}:${two(t.getMinutes())}:${two(t.getSeconds())}`;
    const day = `${t.getFullYear()}-${two(t.getMonth() + 1)}-${two(t.getDate())}`;
    return today ? clock : `${day} ${clock.slice(0, 5)}`;
}
function duration(s) {
    if (s < 60) return `${Math.max(0, Math.floor(s))} s`;
    if (s < 3600) return `${Math.floor(s / 60)} min`;
    if (s < 86400) return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
    return `${Math.floor(s / 86400)} d ${Math.floor((s % 86400) / 3600)} h`;
}
/** How long something took. */
export function span(from, till) {
    const ms = Date.parse(till) - Date.parse(from);
    return ms < 1000 ? `${ms} ms` : ms < 60000 ? `${(ms / 1000).toFixed(1)} s` : duration(ms / 1000);
}
export function age(text, at) {
    const s = (at - Date.parse(text)) / 1000;
    if (s < -5) return `in ${duration(-s)}`;
    return s < 2 ? 'now' : `${duration(s)} ago`;
}

/* Figures: a number and its unit as a person reads them. */
const STEPS = {
    KiB: ['KiB', 'MiB', 'GiB', 'TiB'],
    'KiB/s': ['KiB/s', 'MiB/s', 'GiB/s'],
    B: ['B', 'KiB', 'MiB', 'GiB'],
};
function short(x) {
    const a = Math.abs(x);
    return a >= 100 || Number.isInteger(x)
        ? Math.round(x).toLocaleString('en')
        : a >= 10
          ? x.toFixed(1)
          : x.toFixed(2);
}
export function figure(x, unit = '') {
    if (x === '' || x === null || x === undefined || x === -1) return { value: '–', unit: '', none: true };
    if (typeof x !== 'number') return { value: String(x), unit };
    if (STEPS[unit]) {
        let i = 0;
        while (Math.abs(x) >= 1024 && i < STEPS[unit].length - 1) ((x /= 1024), i++);
        return { value: short(x), unit: STEPS[unit][i] };
    }
    if (unit === 's' && x >= 60) return { value: duration(x), unit: '' };
    if (unit === 'ms' && Math.abs(x) >= 1000)
        return x >= 120000 ? { value: duration(x / 1000), unit: '' } : { value: short(x / 1000), unit: 's' };
    if (unit === 'us')
        return Math.abs(x) >= 1000 ? { value: short(x / 1000), unit: 'ms' } : { value: short(x), unit: 'µs' };
    return { value: short(x), unit };
}
export function said(x, unit) {
    const f = figure(x, unit);
    return f.unit ? `${f.value} ${f.unit}` : f.value;
}
export const bytes = (n) => said(n, 'B');
