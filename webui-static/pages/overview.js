/* SPDX-License-Identifier: Apache-2.0 */
/* The first page: is all well, what is to be done and why, what happens right now. */
import { html, useState } from '../lib/preact.js';
import { get, now } from '../core/api.js';
import { useAgain, useLiveBatch, useLoad, useStream } from '../core/live.js';
import { to } from '../core/route.js';
import { Age, Badge, Empty, Icon, Loaded, Section, Time } from '../parts/ui.js';
import { OperationTable, withOperationEvent } from './operations.js';
import { PolicyRow } from './policies.js';
import {
    SUMMARIES,
    count,
    isOpen,
    operationLabel,
    operationTone,
    sayEvent,
    sessionSays,
    summarySays,
    summaryTone,
    vmLabel,
    vmTone,
} from '../core/words.js';

const CAUSES = 12,
    FEED = 40,
    KEPT = 400,
    LATELY_MS = 24 * 3600 * 1000;

/* What was seen since the page was loaded; it outlives a visit to another page. */
let feed = [];
const lastSaid = new Map();

const sum = (list, of = (x) => x.count) => list.reduce((n, x) => n + of(x), 0);
const RANK = { fail: 0, wait: 1 };
const ADVICE = {
    failed: 'Look at its operations; what was refused is tried again when the policy or the device changes.',
    unreachable: 'Nothing is lost: it gets its work when it polls. Is its push address right?',
    waiting: 'It goes on by itself when that has happened.',
    overdue: 'Is it switched on and connected? It gets its work when it calls.',
    unauthenticated:
        'It cannot get anything. Its page says when and from where it came; new credentials are in its menu.',
    crashed: 'Its page says how often and why. Acknowledge them there when they have been looked at.',
    refused:
        'It cannot get anything. The session says what proof was wrong; new credentials are in the menu of the device.',
    aborted: 'The session says what the device did not like.',
    lost: 'It goes on with its next session. Many of them: look at the network.',
};

const TROUBLES = ['failed', 'waiting', 'unreachable', 'overdue', 'unauthenticated'];

/* Everything that somebody should know of, grouped by cause, the worst first. */
function causesOf(o, operations) {
    const list = o.devices
        .filter((d) => TROUBLES.includes(d.summary))
        .map((d) => ({
            key: `device ${d.summary} ${d.why}`,
            tone: summaryTone(d.summary),
            word: d.summary,
            n: d.count,
            what: count(d.count, 'device'),
            why: d.why || summarySays(d.summary),
            advice: ADVICE[d.summary],
            links: d.examples.map((id) => [id, to('devices', id)]),
            rest: d.count > d.examples.length && ['all', to('devices', { summary: d.summary, why: d.why })],
        }));
    for (const s of o.sessions)
        list.push({
            key: `session ${s.outcome} ${s.why}`,
            tone: s.outcome === 'refused' ? 'fail' : 'wait',
            word: s.outcome,
            n: s.devices,
            what: `${count(s.count, 'session')} of ${count(s.devices, 'device')}`,
            why: s.why || sessionSays(s.outcome),
            advice: ADVICE[s.outcome],
            at: s.at,
            links: [
                ['the last one', to('devices', s.device, 'sessions', s.session)],
                [s.device, to('devices', s.device)],
            ],
            rest: s.count > 1 && ['all', to('sessions', { show: s.outcome })],
        });
    for (const c of o.crashes)
        list.push({
            key: `crash ${c.device} ${c.vm}`,
            tone: 'fail',
            word: 'crashed',
            n: c.count,
            what: `${c.vm} on ${c.device}: ${count(c.count, 'crash', 'crashes')}`,
            why: c.cause ? `The last one: ${c.cause}` : 'It has crashed.',
            advice: ADVICE.crashed,
            at: c.at,
            links: [['the VM', to('devices', c.device, 'vms', c.vm)]],
        });
    const failed = new Map();
    for (const p of operations.filter((x) => now() - Date.parse(x.updated) < LATELY_MS)) {
        const key = `${p.kind} ${p.reason}`,
            c = failed.get(key) || { n: 0, p };
        failed.set(key, { n: c.n + 1, p: c.p });
    }
    for (const [key, { n, p }] of failed)
        list.push({
            key: `operation ${key}`,
            tone: 'wait',
            word: p.state,
            n,
            what: n === 1 ? operationLabel(p) : `${n} × ${operationLabel(p)}`,
            why: p.reason,
            at: p.updated,
            links: [
                [n === 1 ? 'its steps' : 'the last one', to('operations', p.id)],
                [p.device, to('devices', p.device)],
            ],
            rest: n > 1 && ['all', to('operations', { state: p.state })],
        });
    return list.sort((a, b) => RANK[a.tone] - RANK[b.tone] || b.n - a.n);
}

function Verdict({ o, devices, openOps, moreOps }) {
    const of = (s) => sum(o.devices.filter((d) => d.summary === s)),
        crashed = sum(o.vms.filter((v) => vmTone(v) === 'fail'));
    const bad = of('failed'),
        wait = of('waiting'),
        away = of('unreachable'),
        late = of('overdue'),
        work = of('working'),
        pending = of('pending'),
        refused = of('unauthenticated'),
        crashes = sum(o.crashes);
    const parts = [
        bad && `${count(bad, 'device')} failed`,
        crashed && `${count(crashed, 'VM')} crashed or failed`,
        crashes && `${count(crashes, 'crash', 'crashes')} not acknowledged`,
        refused && `${count(refused, 'device')} failed to authenticate`,
        wait && `${wait} waiting`,
        away && `${away} unreachable`,
        late && `${late} overdue`,
        pending && `${pending} with changes not fetched yet`,
        work && `${work} working`,
        openOps &&
            `${openOps}${moreOps ? ' or more operations' : openOps === 1 ? ' operation' : ' operations'} under way`,
    ].filter(Boolean);
    const tone =
        bad || crashed || refused || crashes
            ? 'fail'
            : wait || away || late
              ? 'wait'
              : work || pending || openOps
                ? 'work'
                : 'ok';
    const word = {
        fail: 'Something is wrong',
        wait: 'Something waits',
        work: 'Changes are under way',
        ok: 'All is well',
    };
    return html`
        <div class=${'verdict t-' + (devices ? tone : 'none')} role="status">
            <${Icon} name=${devices ? tone : 'none'} />
            <div>
                <strong>${devices ? word[tone] : 'No devices yet'}</strong>
                <span>
                    ${parts.join(', ') ||
                        (devices
                            ? `${count(devices, 'device')}, ${count(sum(o.vms), 'VM')}, nothing waits`
                            : 'Register the first one on the page Devices.')}
                </span>
            </div>
        </div>
    `;
}

const Tile = ({ n, tone, label, href, hint }) => html`
    <a class=${'tile t-' + (n ? tone : 'none') + (n ? '' : ' zero')} href=${href} title=${hint}>
        <span class="tile-n">${n.toLocaleString('en')}</span>
        <span class="tile-label">
            <${Icon} name=${tone} />
            <span>${label.slice(0, 8)}<wbr />${label.slice(8)}</span>
        </span>
    </a>
`;

function Causes({ list }) {
    const [all, show] = useState(false);
    if (!list.length) return html`<${Empty}>Nothing: no device waits, none has failed, none was refused.</${Empty}>`;
    return html`
        <ul class="troubles">
            ${list.slice(0, all ? list.length : CAUSES).map((c) => html`
                <li key=${c.key} class=${'t-' + c.tone}>
                    <div class="row">
                        <${Badge} tone=${c.tone}>${c.word}</${Badge}>
                        <strong>${c.what}</strong>
                        <span class="grow" />
                        ${c.at && html`
                            <span class="muted">
                                <${Age} at=${c.at} />
                            </span>
                        `}
                    </div>
                    <p>${c.why}</p>
                    ${c.advice && html`<p class="muted">${c.advice}</p>`}
                    <p class="links">
                        ${c.links.map(([words, href], i) => html`
                            <a data-row=${i === 0 ? '' : undefined} href=${href}>
                                ${words}
                            </a>
                        `)}
                        ${c.rest && html`<a href=${c.rest[1]}>${c.rest[0]}</a>`}
                    </p>
                </li>
            `)}
        </ul>
        ${list.length > CAUSES && !all && html`
            <button type="button" class="small" onClick=${() => show(true)}>
                ${count(list.length - CAUSES, 'more cause')}
            </button>
        `}
    `;
}

/* VMs by state, those of different objects and locks together. */
function states(vms) {
    const by = new Map();
    for (const v of vms) by.set(vmLabel(v), { tone: vmTone(v), n: (by.get(vmLabel(v))?.n || 0) + v.count });
    return [...by].sort((a, b) => b[1].n - a[1].n);
}

function Feed({ items }) {
    if (!items.length) return html`<${Empty}>Nothing has happened since this page was opened.</${Empty}>`;
    const alike = []; // the same of one device after the other is said once
    for (const e of items) {
        const last = alike[alike.length - 1];
        if (last && last.what === e.what && last.text === e.text && last.device !== e.device) last.more++;
        else alike.push({ ...e, more: 0 });
    }
    return html`
        <ol class="feed" aria-live="off">
            ${alike.slice(0, FEED).map((e) => html`
                <li key=${e.key} class=${'t-' + e.tone}>
                    <span class="feed-at">
                        <${Time} at=${e.at} />
                    </span>
                    <${Icon} name=${e.tone} />
                    <div>
                        <a href=${e.href}>${e.what}</a>
                        ${e.device && html`
                            ${' '}
                            <a class="soft mono" href=${to('devices', e.device)}>
                                ${e.device}
                            </a>
                        `}
                        ${e.more > 0 && html`
                            ${' '}
                            <span class="muted">and ${count(e.more, 'more device')}</span>
                        `}
                        ${e.text && html`<div class="muted">${e.text}</div>`}
                    </div>
                </li>
            `)}
        </ol>
    `;
}

function hrefOf(type, e, words) {
    if (words.operation) return to('operations', words.operation);
    if (words.policy) return to('policies', words.policy);
    return e.device
        ? to('devices', e.device, ...(e.vm && !e.gone ? ['vms', e.vm] : []))
        : to(type === 'image' ? 'images' : 'devices');
}

function remember(type, e) {
    const words = type === 'open' || type === 'reset' ? null : sayEvent(type, e);
    if (!words || (type === 'device' && e.summary === 'working'))
        // what works tells of itself
        return;
    const about = `${type} ${e.device} ${e.vm || ''}`;
    if (type === 'vm' && lastSaid.get(about) === words.what) return;
    lastSaid.set(about, words.what);
    const item = {
        ...words,
        at: e.at || new Date(now()).toISOString(),
        device: e.device,
        key: e.eventId || `${type} ${e.at}`,
        href: hrefOf(type, e, words),
    };
    if (!feed.some((f) => f.key === item.key)) feed = [item, ...feed].slice(0, KEPT);
}

/** What happened before the page was opened, as far as operations tell. */
function before(operations) {
    return operations.map((o) => ({
        key: `o${o.id}`,
        at: o.updated,
        device: o.device,
        tone: operationTone(o.state),
        href: to('operations', o.id),
        what: `${operationLabel(o)}${o.vm ? ' ' + o.vm : o.image ? ' ' + o.image : ''}: ${o.state}`,
        text: o.reason,
    }));
}

export function Overview() {
    useStream('device,vm,operation,policy,image,notification,session');
    const [, draw] = useState(0);
    const whole = useLoad(
        'overview',
        () => get('/overview'),
        (type) => ['device', 'vm', 'session', 'policy', 'operation'].includes(type),
    );
    useAgain(whole.reload);
    const failed = useLoad(
        'failed',
        () => get('/operations?state=failed&limit=100'),
        (type, e) => type === 'operation' && e.state === 'failed',
    );
    const open = useLoad(
        'open',
        () => get('/operations?state=open&limit=20'),
        (type, e) =>
            type === 'operation' &&
            (e.state === 'queued' || !open.data?.items.some((o) => o.id === e.id) || !isOpen(e.state)),
    );
    const recent = useLoad('recent', () => get('/operations?limit=15'));
    const policies = useLoad(
        'policies',
        () => get('/policies?limit=20'),
        (type) => type === 'policy' || type === 'device',
    );
    useLiveBatch((events) => {
        for (const [type, e] of events) remember(type, e);
        draw((n) => n + 1);
        open.patch((old) => ({
            ...old,
            items: events.reduce(
                (items, [type, e]) => (type === 'operation' && withOperationEvent(items, e)) || items,
                old.items,
            ),
        }));
    });
    const seeds = before(
        (recent.data?.items || []).filter((o) => !feed.some((f) => f.href === to('operations', o.id))),
    );
    const items = [...feed, ...seeds].sort((a, b) => (a.at < b.at ? 1 : a.at > b.at ? -1 : 0));
    return html`
        <h1 tabindex="-1" class="sr-title">
            Overview
        </h1>
        <${Loaded} of=${whole}>
            ${(o) => {
                const vms = sum(o.vms),
                    locked = sum(o.vms.filter((v) => v.locked)),
                    causes = causesOf(o, failed.data?.items || []);
                const of = (s) => sum(o.devices.filter((d) => d.summary === s));
                return html`
                    <${Verdict}
                        o=${o}
                        devices=${sum(o.devices)}
                        openOps=${open.data?.items.filter((x) => isOpen(x.state)).length}
                        moreOps=${!!open.data?.next}
                    />
                    <div class="tiles" role="group" aria-label="Devices by state">
                        ${SUMMARIES.slice()
                            .reverse()
                            .map((s) => html`
                                <${Tile}
                                    n=${of(s)}
                                    tone=${summaryTone(s)}
                                    label=${s}
                                    hint=${summarySays(s)}
                                    href=${to('devices', { summary: s })}
                                />
                            `)}
                    </div>
                    <div class="vmbar">
                        <span class="muted">
                            ${count(vms, 'VM')}
                            ${vms ? ':' : ''}
                        </span>${' '}
                        ${states(o.vms).map(([label, v]) => html`
                            <${Badge} tone=${v.tone}>
                                ${v.n.toLocaleString('en')} ${label.toLowerCase()}
                            </${Badge}>${' '}
                        `)}
                        ${locked > 0 && html`
                            <${Badge} tone="wait" icon="lock">
                                ${locked.toLocaleString('en')} locked
                            </${Badge}>
                        `}
                    </div>
                    <div class="two">
                        <div class="stack">
                            <${Section}
                                id="todo"
                                title="Needs attention"
                                count=${causes.length || undefined}>
                                <${Causes} list=${causes} />
                            </${Section}>
                            <${Section} id="open" title="In progress">
                                <${Loaded} of=${open}>
                                    ${(x) => html`
                                        <${OperationTable}
                                            items=${x.items.filter((y) => isOpen(y.state))}
                                            reload=${open.reload}
                                        />
                                    `}
                                </${Loaded}>
                            </${Section}>
                            <${Section}
                                id="policies"
                                title="Policies"
                                actions=${html`<a href=${to('policies')}>All policies</a>`}>
                                <${Loaded} of=${policies}>
                                    ${(p) =>
                                        p.items.length ? html`
                                            <div class="rows">
                                                ${p.items.map((x) => html`<${PolicyRow} policy=${x} />`)}
                                            </div>
                                        ` : html`
                                            <${Empty}>
                                                No policies.${' '}
                                                <a href=${to('policies', 'new')}>Write the first one</a>
                                            </${Empty}>
                                        `
                                    }
                                </${Loaded}>
                            </${Section}>
                        </div>
                        <${Section} id="feed" title="Events">
                            <${Feed} items=${items} />
                        </${Section}>
                    </div>
                `;
            }}
        </${Loaded}>
    `;
}
