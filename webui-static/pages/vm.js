/* SPDX-License-Identifier: Apache-2.0 */
/* One VM: state, buttons, figures now and over time, and its history. */
import { html, useState } from '../lib/preact.js';
import { get, now, ofDevice } from '../core/api.js';
import { useLive, useLoad, useStream } from '../core/live.js';
import { refine, to } from '../core/route.js';
import { Age, Badge, Empty, Facts, Figure, Loaded, Section, Trouble, useTick } from '../parts/ui.js';
import { VmActs } from '../parts/acts.js';
import { useLayouts } from '../core/catalog.js';
import { Chart } from '../parts/chart.js';
import { OperationTable } from './operations.js';
import { Running, VmState, Why, vmFacts } from '../parts/vmcard.js';
import { figure, withVmEvent } from '../core/words.js';

const RANGES = [
    ['15m', '15 min', 900],
    ['1h', '1 h', 3600],
    ['24h', '1 d', 86400],
];

/* "kpi.disk.userdata.rdKB" belongs to the group "disk userdata"; "kpi.upTimeS" to the VM itself. */
function groupOf(metric) {
    const parts = metric.replace(/\.rate$/, '').split('.');
    return parts.length <= 2 ? '' : parts.slice(1, -1).join(' ');
}
const GROUPS = { '': 'The VM', cpu: 'CPU', memory: 'Memory', rt: 'Real time', energy: 'Energy' };
const groupName = (g) =>
    GROUPS[g] ||
    g
        .replace(/^cpu vcpu /, 'Virtual CPU ')
        .replace(/^disk /, 'Disk ')
        .replace(/^net /, 'Network ');

/* Worth a chart without being asked for: shares, sizes, latencies and rates of flow, but no counters, which only grow. */
const CHARTED = [
    { of: /^kpi\.cpu\./, unit: '%', title: 'CPU' },
    { of: /^kpi\.memory\./, unit: 'KiB', title: 'Memory' },
    { of: /^kpi\.disk\./, unit: 'KiB/s', title: 'Disk' },
    { of: /^kpi\.net\./, unit: 'KiB/s', title: 'Network' },
    { of: /^kpi\.rt\./, unit: 'us', title: 'Real time' },
    { of: /^kpi\.energy\./, unit: '%', title: 'Energy' },
];

function charts(history, also) {
    const counters = new Set(
        history.series.filter((s) => s.metric.endsWith('.rate')).map((s) => s.metric.slice(0, -5)),
    );
    const found = CHARTED.map((c) => ({
        ...c,
        series: history.series
            .filter((s) => c.of.test(s.metric) && s.unit === c.unit && s.points.length && !counters.has(s.metric))
            .slice(0, 6),
    })).filter((c) => c.series.length);
    const named = found.map((c) => ({
        ...c,
        series: c.series.map((s) => ({
            ...s,
            label: c.series.some((o) => o !== s && groupOf(o.metric) !== groupOf(s.metric))
                ? `${groupOf(s.metric).split(' ').pop()}: ${s.label}`
                : s.label,
        })),
    }));
    const extra = also
        .map((m) => history.series.find((s) => s.metric === m))
        .filter(Boolean)
        .map((s) => ({
            title: `${groupName(groupOf(s.metric))}: ${s.label}${s.metric.endsWith('.rate') ? ' (rate)' : ''}`,
            unit: s.unit,
            series: [s],
        }));
    return [...named, ...extra];
}

const first = (kpis, names) => names.find((n) => typeof kpis.values[n] === 'number' && kpis.values[n] >= 0);
const sumRate = (history, re) => {
    const series = (history?.series || []).filter((s) => re.test(s.metric) && s.points.length);
    return series.length ? series.reduce((n, s) => n + s.points[s.points.length - 1][1], 0) : undefined;
};

function Tiles({ kpis, history }) {
    const v = (n) => kpis.values[n];
    const memory = first(kpis, ['kpi.memory.usedKB', 'kpi.memory.rssKB', 'kpi.memory.balloonKB']);
    const disk = sumRate(history, /^kpi\.disk\..*(rd|wr)KB\.rate$/),
        net = sumRate(history, /^kpi\.net\..*(rx|tx)KB\.rate$/);
    return html`
        <div class="figures">
            <${Figure} label="CPU" value=${v('kpi.cpu.usagePct')} unit="%" />
            ${memory && html`<${Figure} label=${kpis.labels[memory]} value=${v(memory)} unit="KiB" />`}
            ${disk !== undefined && html`<${Figure} label="Disk" value=${disk} unit="KiB/s" />`}
            ${net !== undefined && html`<${Figure} label="Network" value=${net} unit="KiB/s" />`}
            <${Figure} label="Up for" value=${v('kpi.upTimeS')} unit="s" />
            <${Figure} label="Boot time" value=${v('kpi.bootTimeMs')} unit="ms" />
            <${Figure} label="Boots" value=${v('kpi.bootCount')} />
            <${Figure} label="Crashes" value=${v('kpi.crashCount')} />
        </div>
    `;
}

function AllFigures({ kpis, history, also, toggle }) {
    const groups = new Map();
    for (const name of Object.keys(kpis.values))
        groups.set(groupOf(name), [...(groups.get(groupOf(name)) || []), name]);
    const charted = (n) =>
        history?.series.find((s) => s.metric === `${n}.rate`)?.metric ||
        history?.series.find((s) => s.metric === n)?.metric;
    return html`
        <div class="groups">
            ${[...groups].map(([g, names]) => html`
                <div class="group">
                    <h3>${groupName(g)}</h3>
                    <table class="plain">
                        <tbody>
                            ${names.map((n) => {
                                const f = figure(kpis.values[n], kpis.units[n] || ''),
                                    m = charted(n);
                                return html`
                                    <tr>
                                        <th scope="row" title=${n}>
                                            ${kpis.labels[n] || n}
                                        </th>
                                        <td class="num" title=${`${n} = ${kpis.values[n]} ${kpis.units[n] || ''}`}>
                                            ${f.value} <span class="unit">${f.unit}</span>
                                        </td>
                                        <td>
                                            ${m && html`
                                                <button
                                                    type="button"
                                                    class="quiet small"
                                                    aria-pressed=${also.includes(m)}
                                                    aria-label=${`chart of ${kpis.labels[n] || n}`}
                                                    onClick=${() => toggle(m)}>
                                                    ${also.includes(m) ? 'hide' : 'chart'}
                                                </button>
                                            `}
                                        </td>
                                    </tr>
                                `;
                            })}
                        </tbody>
                    </table>
                </div>
            `)}
        </div>
    `;
}

function Kpis({ id, vm, kpis, query }) {
    const key = RANGES.some(([k]) => k === query.get('range')) ? query.get('range') : '15m';
    const [, , seconds] = RANGES.find(([k]) => k === key);
    const [also, set] = useState([]);
    const [end, move] = useState(now() / 1000);
    const [seen, sample] = useState(0);
    useTick(() => now() / 1000 - end > seconds / 300 && move(now() / 1000));
    const history = useLoad(
        `${id} ${vm} ${key}`,
        () => get(ofDevice(id, 'vms', vm, 'kpis') + `?from=-${key}`),
        (type, e) => {
            // a sample that would not move the chart by a pixel is left out
            if (type !== 'kpi' || e.vm !== vm || Date.now() - seen < (seconds * 1000) / 300) return false;
            sample(Date.now());
            return true;
        },
    );
    const toggle = (m) => set((old) => (old.includes(m) ? old.filter((x) => x !== m) : [...old, m]));
    if (!kpis)
        return html`
            <${Section} id="figures" title="Figures">
                <${Empty}>
                    The device has not told any figures of this VM yet. It does while the VM runs, if a policy or
                    its configuration sets an interval.
                </${Empty}>
            </${Section}>
        `;
    return html`
        <${Section}
            id="figures"
            title="Figures"
            actions=${
                html`<span class="muted">
                    sampled <${Age} at=${kpis.at} />
                </span>`
            }>
            <${Tiles} kpis=${kpis} history=${history.data} />
        </${Section}>
        <div class="row">
            <h2>Over time</h2>
            <span class="grow" />
            <div class="chips" role="group" aria-label="Range">
                ${RANGES.map(([k, name]) => html`
                    <button
                        type="button"
                        aria-pressed=${k === key}
                        onClick=${() => refine(to('devices', id, 'vms', vm, { range: k }))}>
                        ${name}
                    </button>
                `)}
            </div>
        </div>
        <${Loaded} of=${history}>
            ${(h) => {
                const list = charts(h, also);
                return list.length ? html`
                    <div class="charts">
                        ${list.map((c) => html`
                            <${Chart}
                                key=${c.title}
                                title=${c.title}
                                series=${c.series}
                                unit=${c.unit}
                                range=${[end - seconds, end]}
                            />
                        `)}
                    </div>
                ` : html`<${Empty}>No figures in this time.</${Empty}>`;
            }}
        </${Loaded}>
        <${Section} id="all" title="All figures">
            <${AllFigures} kpis=${kpis} history=${history.data} also=${also} toggle=${toggle} />
        </${Section}>
    `;
}

export function Vm({ id, vm, query }) {
    const layouts = useLayouts();
    useStream('device,vm,operation,policy,kpi,image', id);
    const [error, problem] = useState(null);
    const load = useLoad(
        `${id}/${vm}`,
        () => get(ofDevice(id, 'vms', vm)),
        (type, e) =>
            type === 'policy' ||
            (['vm', 'operation', 'device'].includes(type) && (!e.vm || e.vm === vm)) ||
            (type === 'kpi' && e.vm === vm && !load.data?.kpis),
    );
    const operations = useLoad(
        `ops ${id}`,
        () => get(ofDevice(id, 'operations') + '?limit=200'),
        (type) => type === 'operation',
    );
    useLive((type, e) => {
        if (e.vm !== vm) return;
        if (type === 'vm' && e.object) load.patch((v) => withVmEvent(v, e));
        if (type === 'operation')
            load.patch((v) =>
                v.operation?.id === e.id
                    ? { ...v, operation: { ...v.operation, percent: e.percent, state: e.state, reason: e.reason } }
                    : v,
            );
        if (type === 'kpi' && e.values)
            load.patch((v) => (v.kpis ? { ...v, kpis: { ...v.kpis, at: e.at, values: e.values } } : v));
    });
    return html`
        <p class="crumbs">
            <a href=${to('devices')}>Devices</a> /${' '}
            <a href=${to('devices', id)} data-up>
                ${id}
            </a>
        </p>
        <${Loaded} of=${load}>
            ${(v) => html`
                <div class="row head">
                    <div>
                        <h1 tabindex="-1">${v.title || v.id}</h1>
                        ${v.title && v.title !== v.id && html`<div class="muted mono">${v.id}</div>`}
                    </div>
                    <${VmState} vm=${v} />
                    ${v.summary && v.summary !== 'settled' && html`
                        <${Badge}
                            tone=${
                                v.summary === 'failed' ? 'fail' : v.summary === 'waiting' ? 'wait' : 'work'
                            }>
                            ${v.summary}
                        </${Badge}>
                    `}
                    <span class="grow" />
                    <${VmActs}
                        device=${id}
                        vm=${v}
                        problem=${problem}
                        done=${() => {
                            problem(null);
                            load.reload();
                        }}
                    />
                </div>
                <${Trouble} error=${error} />
                <${Why} vm=${v} />
                <${Running} operation=${v.operation} />
                <div class="panel">
                    <${Facts} flow rows=${vmFacts(v, id, layouts).slice(1)} />
                </div>
                <${Kpis} id=${id} vm=${vm} kpis=${v.kpis} query=${query} />
            `}
        </${Loaded}>
        <${Section} id="history" title="Operations">
            <${Loaded} of=${operations}>
                ${({ items }) => html`
                    <${OperationTable}
                        items=${items.filter((o) => o.vm === vm)}
                        device=${id}
                        reload=${operations.reload}
                    />
                `}
            </${Loaded}>
        </${Section}>
    `;
}
