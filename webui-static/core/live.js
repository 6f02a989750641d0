/* SPDX-License-Identifier: Apache-2.0 */
/* The live stream: one EventSource for the page that is open, what its state is, and data that loads itself again when
 * something happened to it. */
import { scoped } from './authority.js';
import { useCallback, useEffect, useRef, useState } from '../lib/preact.js';
import { get, now } from './api.js';

const TYPES = ['device', 'vm', 'kpi', 'operation', 'policy', 'notification', 'image', 'session', 'reset'];
const HIDDEN_MS = 60000; // a hidden tab gives its connection back: browsers allow six for each server
const listeners = new Set(),
    watchers = new Set();
let source = null,
    wanted = null,
    retry = 0,
    timer = 0,
    hidden = 0;
let status = { state: 'off', since: now() };
let opened,
    isOpen = new Promise((resolve) => {
        opened = resolve;
    });

function become(state) {
    if (status.state === state) return;
    status = { state, since: now() };
    watchers.forEach((fn) => fn(status));
}

function tell(type, event) {
    listeners.forEach((fn) => fn(type, event));
}

function close() {
    clearTimeout(timer);
    source?.close();
    source = null;
}

function open() {
    close();
    if (wanted === null) return;
    const mine = (source = new EventSource('/api/v1' + scoped('/events?' + wanted)));
    become(retry ? 'lost' : 'connecting');
    mine.onopen = () => {
        retry = 0;
        become('live');
        opened();
        tell('open', {});
    };
    mine.onerror = () => {
        become('lost');
        if (mine.readyState !== EventSource.CLOSED || mine !== source) return; // it comes back by itself
        get('/whoami').catch(() => {}); // tells the page if the login is over
        timer = setTimeout(open, Math.min(30000, 1000 * 2 ** retry++));
    };
    for (const type of TYPES)
        mine.addEventListener(type, (e) => {
            let data;
            try {
                data = JSON.parse(e.data);
            } catch {
                return;
            }
            tell(type, { ...data, eventId: e.lastEventId });
        });
}

/** The page that is open needs these events. */
function watch(types, device) {
    const query = new URLSearchParams({ types });
    if (device) query.set('device', device);
    if (wanted === query.toString() && source) return;
    wanted = query.toString();
    isOpen = new Promise((resolve) => {
        opened = resolve;
    });
    retry = 0;
    open();
}

export function again() {
    retry = 0;
    open();
}

/** Until `again`: nobody is logged in. */
export function pause() {
    close();
    become('off');
}

document.addEventListener('visibilitychange', () => {
    clearTimeout(hidden);
    if (document.hidden)
        hidden = setTimeout(() => {
            close();
            become('off');
        }, HIDDEN_MS);
    else if (!source) open();
});

export function useStream(types, device) {
    useEffect(() => watch(types, device), [types, device]);
}

export function useStatus() {
    const [value, set] = useState(status);
    useEffect(() => {
        watchers.add(set);
        set(status);
        return () => watchers.delete(set);
    }, []);
    return value;
}

export function useLive(fn) {
    const last = useRef(fn);
    last.current = fn;
    useEffect(() => {
        const call = (type, event) => last.current(type, event);
        listeners.add(call);
        return () => listeners.delete(call);
    }, []);
}

/** What time alone changes (a device that misses its polls) no event tells: it is loaded again every now and then. */
export function useAgain(reload) {
    useEffect(() => {
        const t = setInterval(() => document.hidden || reload(), TIMES_MS);
        return () => clearInterval(t);
    }, [reload]);
}

/** The same in handfuls: fn([[type, event], ...]), so that a fleet's events do not draw the page once each. */
export function useLiveBatch(fn) {
    const box = useRef({ list: [], timer: 0, fn });
    box.current.fn = fn;
    useLive((type, event) => {
        const b = box.current;
        b.list.push([type, event]);
        b.timer ||= setTimeout(() => {
            const list = b.list;
            b.list = [];
            b.timer = 0;
            b.fn(list);
        }, BATCH_MS);
    });
    useEffect(() => () => clearTimeout(box.current.timer), []);
}

const TIMES_MS = 15000,
    LATER_MS = 120,
    GAP_MS = 400,
    BUSY_SHARE = 2,
    AGAIN_MS = 5000,
    PATIENCE_MS = 300,
    BATCH_MS = 150;

/**
 * What `fetch` gives for `key`, kept while it is loaded anew. It loads after the stream is open (so nothing falls between), and
 * again when `match(type, event)` says that an event concerns it, when the stream came back, and after an error that may pass.
 */
export function useLoad(key, fetch, match) {
    const [state, set] = useState({ data: undefined, error: null, busy: true });
    const box = useRef({ run: 0, timer: 0, began: 0, took: 0, busy: false, again: false, fetch });
    box.current.fetch = fetch;

    const load = useCallback(async () => {
        const b = box.current,
            run = b.run;
        clearTimeout(b.timer);
        b.timer = 0;
        if (b.busy) {
            b.again = true;
            return;
        }
        b.busy = true;
        b.again = false;
        b.began = Date.now();
        let next;
        try {
            next = { data: await b.fetch(), error: null, busy: false };
        } catch (error) {
            next = { error, busy: false };
            if ((!error.status || error.status >= 500) && run === b.run) b.timer = setTimeout(load, AGAIN_MS);
        }
        if (run !== b.run) return;
        b.busy = false;
        b.took = Date.now() - b.began;
        set((old) => ({ ...old, ...next }));
        if (b.again) soon();
    }, []);

    const soon = useCallback(() => {
        const b = box.current;
        if (b.busy) b.again = true;
        else if (!b.timer)
            b.timer = setTimeout(load, Math.max(LATER_MS, GAP_MS + BUSY_SHARE * b.took - (Date.now() - b.began)));
    }, []);

    useEffect(() => {
        const b = box.current;
        b.busy = b.again = false;
        b.began = 0;
        set({ data: undefined, error: null, busy: true });
        if (key === null) return undefined;
        const run = b.run;
        Promise.race([isOpen, new Promise((r) => setTimeout(r, PATIENCE_MS))]).then(() => run === b.run && load());
        return () => {
            b.run++;
            clearTimeout(b.timer);
            b.timer = 0;
        };
    }, [key]);

    useLive((type, event) => {
        if (key === null) return;
        if (type === 'open' ? box.current.began : type === 'reset' || match?.(type, event)) soon();
    });
    const patch = useCallback(
        (fn) => set((old) => (old.data === undefined ? old : { ...old, data: fn(old.data) })),
        [],
    );
    return { ...state, reload: load, patch };
}
