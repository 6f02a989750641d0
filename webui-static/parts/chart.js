/* SPDX-License-Identifier: Apache-2.0 */
/* Charts over time (uPlot), in the colours of the page. */
import { html, useEffect, useRef, useState } from '../lib/preact.js';
import uPlot from '../lib/uplot.js';
import { said } from '../core/words.js';

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const COLOURS = ['--c1', '--c2', '--c3', '--c4', '--c5', '--c6'];
const HEIGHT = 170;
const BINARY = Array.from({ length: 40 }, (_, i) => 2 ** i); // steps of sizes, so that axes say 64 MiB and not 97.7
const SHARES = [10, 25, 50, 100];

/* A gap in the samples is a gap in the line; a missing point between two others of the same rhythm is not. */
function gapOf(points) {
    const d = points
        .slice(1)
        .map((p, i) => p[0] - points[i][0])
        .sort((a, b) => a - b);
    return d.length ? Math.max(d[Math.floor(d.length / 2)] * 4, 10) : Infinity;
}

function aligned(series) {
    const times = new Set(),
        each = series.map((s) => {
            const points = s.points.map(([t, v]) => [Date.parse(t) / 1000, v < 0 && s.unit !== '°C' ? null : v]),
                gap = gapOf(points),
                map = new Map();
            points.forEach(([t, v], i) => {
                if (i && t - points[i - 1][0] > gap) map.set(points[i - 1][0] + 1, null);
                map.set(t, v);
            });
            map.forEach((_, t) => times.add(t));
            return map;
        });
    const x = [...times].sort((a, b) => a - b);
    return [x, ...each.map((m) => x.map((t) => m.get(t)))];
}

function options(width, series, unit, from, to) {
    const axis = {
        stroke: colour('--muted'),
        grid: { stroke: colour('--line'), width: 1 },
        ticks: { stroke: colour('--line'), width: 1 },
        font: '11px system-ui, sans-serif',
    };
    return {
        width,
        height: HEIGHT,
        legend: { show: false },
        cursor: { y: false, points: { size: 6 }, drag: { setScale: false, x: false, y: false } },
        scales: {
            x: { time: true, range: () => [from(), to()] },
            y: {
                range: (u, min, max) => [
                    0,
                    unit === '%' ? SHARES.find((s) => s >= (max || 0)) || max : Math.max(1, (max || 1) * 1.1),
                ],
            },
        },
        axes: [
            { ...axis, space: 70, size: 30, values: (u, ticks) => ticks.map((t) => clock(t, to() - from())) },
            {
                ...axis,
                size: 72,
                space: 24,
                ...(/^KiB/.test(unit) ? { incrs: BINARY } : {}),
                values: (u, ticks) => ticks.map((v) => said(v, unit)),
            },
        ],
        series: [
            {},
            ...series.map((s, i) => ({
                label: s.label,
                stroke: colour(COLOURS[i % COLOURS.length]),
                width: 1.75,
                points: { show: s.points.length < 2, size: 5 },
            })),
        ],
    };
}

function clock(t, range) {
    const d = new Date(t * 1000),
        two = (n) => String(n).padStart(2, '0');
    return range > 7200
        ? `${two(d.getHours())}:${two(d.getMinutes())}`
        : range > 600
          ? `${two(d.getHours())}:${two(d.getMinutes())}`
          : `${two(d.getHours())}:${two(d.getMinutes())}:${two(d.getSeconds())}`;
}

const inWords = (l, unit) =>
    l.none
        ? `${l.label} no figures`
        : `${l.label} now ${said(l.now, unit)}, between ${said(l.min, unit)} and ${said(l.max, unit)}`;

/** Series [{metric, label, unit, points}] of one unit. `range` [from, to] in seconds. */
export function Chart({ title, series, unit, range }) {
    const box = useRef(null),
        plot = useRef(null),
        now = useRef(range);
    const [at, point] = useState(null); // [time, values] under the pointer
    now.current = range;
    const shape = series.map((s) => s.metric).join(' ') + unit;
    const last = series.map((s) => {
        const values = s.points.map((p) => p[1]).filter((v) => v >= 0);
        return {
            label: s.label,
            now: values[values.length - 1],
            min: Math.min(...values),
            max: Math.max(...values),
            none: !values.length,
        };
    });

    useEffect(() => {
        const make = () => {
            plot.current?.destroy();
            const opts = options(
                box.current.clientWidth,
                series,
                unit,
                () => now.current[0],
                () => now.current[1],
            );
            opts.hooks = {
                setCursor: [
                    (u) => {
                        const i = u.cursor.idx;
                        point(
                            i === null || i === undefined
                                ? null
                                : [u.data[0][i], u.data.slice(1).map((values) => values[i])],
                        );
                    },
                ],
            };
            plot.current = new uPlot(opts, aligned(series), box.current);
        };
        make();
        const size = new ResizeObserver(
            () => plot.current && plot.current.setSize({ width: box.current.clientWidth, height: HEIGHT }),
        );
        size.observe(box.current);
        const dark = matchMedia('(prefers-color-scheme: dark)');
        dark.addEventListener('change', make);
        return () => {
            size.disconnect();
            dark.removeEventListener('change', make);
            plot.current.destroy();
            plot.current = null;
        };
    }, [shape]);
    useEffect(() => plot.current?.setData(aligned(series)), [series, range[0], range[1]]);

    const value = (l, i) =>
        at ? (typeof at[1][i] === 'number' ? said(at[1][i], unit) : '–') : l.none ? '–' : said(l.now, unit);
    return html`
        <figure class="chart panel" data-chart=${title}>
            <figcaption class="row">
                <strong>${title}</strong>
                <span class="grow" />
                ${at && html`<span class="muted num">at ${new Date(at[0] * 1000).toLocaleTimeString()}</span>`}
            </figcaption>
            <div
                class="plot"
                ref=${box}
                role="img"
                aria-label=${`${title}: ${last.map((l) => inWords(l, unit)).join('; ')}`}
            />
            <div class="legend" aria-hidden="true">
                ${last.map((l, i) => html`
                    <span class="key">
                        <span class=${`swatch c${(i % COLOURS.length) + 1}`} />
                        ${l.label} <span class="num">${value(l, i)}</span>
                    </span>
                `)}
            </div>
        </figure>
    `;
}
