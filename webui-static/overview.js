/* The first page: is all well, what is not and why, what happens right now. */
import { html, useState } from './lib/preact.js';
import { all, get, now } from './api.js';
import { useLiveBatch, useLoad, useStream } from './live.js';
import { to } from './route.js';
import { Age, Badge, Empty, Icon, Loaded, Section, Time } from './ui.js';
import { OperationTable, withOperationEvent } from './operations.js';
import { PolicyRow } from './policies.js';
import {
    SUMMARIES,
    count,
    isOpen,
    operationTone,
    operationLabel,
    sayEvent,
    summarySays,
    summaryTone,
    vmLabel,
    vmTone,
    withEvents,
} from './words.js';

const MOST = 5000,
    TROUBLES = 12,
    FEED = 40,
    KEPT = 400;
const BAD = ['failed', 'unreachable', 'waiting', 'working'];

/* What was seen since the page was loaded; it outlives a visit to another page. */
let feed = [];
const lastSaid = new Map();

function tally(devices) {
    const summaries = Object.fromEntries(SUMMARIES.map((s) => [s, 0])),
        vms = new Map();
    let locked = 0,
        total = 0;
    for (const d of devices) {
        summaries[d.summary] = (summaries[d.summary] || 0) + 1;
        for (const vm of d.vms) {
            total++;
            locked += vm.locked ? 1 : 0;
            const label = vmLabel(vm),
                old = vms.get(label) || { n: 0, tone: vmTone(vm) };
            vms.set(label, { ...old, n: old.n + 1 });
        }
    }
    return { summaries, locked, total, vms: [...vms].sort((a, b) => b[1].n - a[1].n) };
}

function Verdict({ devices, t, openOps, moreOps }) {
    const bad = t.summaries.failed,
        wait = t.summaries.waiting,
        away = t.summaries.unreachable,
        work = t.summaries.working;
    const crashed = t.vms.filter(([, v]) => v.tone === 'fail').reduce((n, [, v]) => n + v.n, 0);
    const parts = [
        bad && `${count(bad, 'device')} failed`,
        crashed && `${count(crashed, 'VM')} crashed or failed`,
        wait && `${wait} waiting`,
        away && `${away} unreachable`,
        work && `${work} working`,
        openOps &&
            `${openOps}${moreOps ? ' or more operations' : openOps === 1 ? ' operation' : ' operations'} under way`,
    ].filter(Boolean);
    const tone = bad || crashed ? 'fail' : wait || away ? 'wait' : work || openOps ? 'work' : 'ok';
    const word = !devices.length
        ? 'No devices yet'
        : { fail: 'Something is wrong', wait: 'Something waits', work: 'Changes are under way', ok: 'All is well' }[
              tone
          ];
    return html`
        <div class=${'verdict t-' + (devices.length ? tone : 'none')} role="status">
            <${Icon} name=${devices.length ? tone : 'none'} />
            <div>
                <strong>${word}</strong>
                <span>
                    ${parts.join(', ') ||
                        (devices.length
                            ? `${count(devices.length, 'device')}, ${count(t.total, 'VM')}, nothing waits`
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
            ${label}
        </span>
    </a>
`;

/* Many have troubles: what they have in common says more than a list of them. */
function Causes({ devices }) {
    const causes = new Map();
    for (const d of devices) {
        const key = `${d.summary}\n${d.why}`,
            c = causes.get(key) || { summary: d.summary, why: d.why, devices: [] };
        c.devices.push(d);
        causes.set(key, c);
    }
    const list = [...causes.values()].sort(
        (a, b) => BAD.indexOf(a.summary) - BAD.indexOf(b.summary) || b.devices.length - a.devices.length,
    );
    return html`
        <ul class="troubles">
            ${list.slice(0, TROUBLES).map((c) => html`
                <li key=${c.summary + c.why}>
                    <div class="row">
                        <strong>${count(c.devices.length, 'device')}</strong>
                        <${Badge} tone=${summaryTone(c.summary)}>${c.summary}</${Badge}>
                    </div>
                    <p>${c.why || summarySays(c.summary)}</p>
                    <p class="muted">
                        ${c.devices.slice(0, 3).map((d, i) => html`
                            ${i ? ', ' : ''}
                            <a data-row href=${to('devices', d.id)}>
                                ${d.title || d.id}
                            </a>
                        `)}
                        ${c.devices.length > 3 && html`
                            ,${' '}
                            <a href=${to('devices', { summary: c.summary })}>
                                ${(c.devices.length - 3).toLocaleString('en')} more
                            </a>
                        `}
                    </p>
                </li>
            `)}
        </ul>
        ${list.length > TROUBLES && html`
            <p class="muted">and ${count(list.length - TROUBLES, 'more cause', 'more causes')}</p>
        `}
    `;
}

function Troubles({ devices }) {
    const rank = (d) => BAD.indexOf(d.summary);
    const list = devices
        .filter((d) => rank(d) >= 0 || d.vms.some((v) => vmTone(v) === 'fail'))
        .sort((a, b) => ((rank(a) + 9) % 9) - ((rank(b) + 9) % 9));
    if (!list.length) return html`<${Empty}>Nothing waits and nothing has failed.</${Empty}>`;
    if (list.length > TROUBLES) return html`<${Causes} devices=${list} />`;
    return html`
        <ul class="troubles">
            ${list.slice(0, TROUBLES).map((d) => html`
                <li key=${d.id}>
                    <div class="row">
                        <a data-row href=${to('devices', d.id)}>
                            ${d.title || d.id}
                        </a>
                        <${Badge} tone=${summaryTone(d.summary)}>${d.summary}</${Badge}>
                        ${d.vms
                            .filter((v) => vmTone(v) === 'fail')
                            .map((v) => html`
                                ${' '}
                                <${Badge} tone="fail">
                                    ${v.id}: ${vmLabel(v)}
                                </${Badge}>
                            `)}
                        <span class="grow" />
                        <span class="muted">
                            ${d.seen ? html`
                                seen <${Age} at=${d.seen} />
                            ` : (
                                'never seen'
                            )}
                        </span>
                    </div>
                    <p class="muted">${d.why || summarySays(d.summary)}</p>
                </li>
            `)}
        </ul>
    `;
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
    useStream('device,vm,operation,policy,image,trigger');
    const [, draw] = useState(0);
    const devices = useLoad(
        'devices',
        () => all('/devices', MOST),
        (type, e) => type === 'device' && (e.change === 'deleted' || e.change === 'created'),
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
        devices.patch((old) => ({ ...old, items: withEvents(old.items, events) }));
    });
    const seeds = before(
        (recent.data?.items || []).filter((o) => !feed.some((f) => f.href === to('operations', o.id))),
    );
    const items = [...feed, ...seeds].sort((a, b) => (a.at < b.at ? 1 : a.at > b.at ? -1 : 0));
    return html`
        <h1 tabindex="-1" class="sr-title">
            Overview
        </h1>
        <${Loaded} of=${devices}>
            ${(data) => {
                const t = tally(data.items);
                return html`
                    <${Verdict}
                        devices=${data.items}
                        t=${t}
                        openOps=${open.data?.items.filter((o) => isOpen(o.state)).length}
                        moreOps=${!!open.data?.next}
                    />
                    ${data.more && html`
                        <p class="muted">
                            Counted over the first ${MOST.toLocaleString('en')} devices. Narrow it down on
                            the page Devices.
                        </p>
                    `}
                    <div class="tiles" role="group" aria-label="Devices by state">
                        ${SUMMARIES.slice()
                            .reverse()
                            .map((s) => html`
                                <${Tile}
                                    n=${t.summaries[s]}
                                    tone=${summaryTone(s)}
                                    label=${s}
                                    hint=${summarySays(s)}
                                    href=${to('devices', { summary: s })}
                                />
                            `)}
                    </div>
                    <div class="vmbar">
                        <span class="muted">
                            ${count(t.total, 'VM')}
                            ${t.total ? ':' : ''}
                        </span>${' '}
                        ${t.vms.map(([label, v]) => html`
                            <${Badge} tone=${v.tone}>
                                ${v.n} ${label.toLowerCase()}
                            </${Badge}>${' '}
                        `)}
                        ${t.locked > 0 && html`
                            <${Badge} tone="wait" icon="lock">
                                ${t.locked} locked
                            </${Badge}>
                        `}
                    </div>
                    <div class="two">
                        <div class="stack">
                            <${Section} id="troubles" title="Waiting or failed">
                                <${Troubles} devices=${data.items} />
                            </${Section}>
                            <${Section}
                                id="open"
                                title="Under way"
                                actions=${
                                    html`<a href=${to('operations', { state: 'failed' })}>Failed operations</a>`
                                }>
                                <${Loaded} of=${open}>
                                    ${(o) => html`
                                        <${OperationTable}
                                            items=${o.items.filter((x) => isOpen(x.state))}
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
                        <${Section} id="feed" title="What happens">
                            <${Feed} items=${items} />
                        </${Section}>
                    </div>
                `;
            }}
        </${Loaded}>
    `;
}
