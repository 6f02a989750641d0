/* SPDX-License-Identifier: Apache-2.0 */
/* Questions to the person (dialogs) and words to them (toasts). */
import { html, useEffect, useRef, useState } from '../lib/preact.js';
import { Trouble } from './ui.js';

let show = () => {},
    toast = () => {};

/**
 * A question. Fields: [{name, label, type, options, value, hint, when}]; one whose `when(values)` is false is not shown.
 * `act(values)` does it while the dialog is open, so that an error is shown where it was caused; resolves with what `act` gave,
 * or null when the person thought better of it.
 */
export function ask(question) {
    return new Promise((resolve) => show({ ...question, resolve }));
}

export function say(text, { tone = 'ok', href } = {}) {
    toast({ text, tone, href });
}

function Field({ field, value, set }) {
    const id = 'ask-' + field.name;
    const put = (v) => set((old) => ({ ...old, [field.name]: v }));
    if (field.type === 'checkbox')
        return html`
            <label class="check">
                <input type="checkbox" id=${id} checked=${value} onChange=${(e) => put(e.target.checked)} />${' '}
                ${field.label}
            </label>
        `;
    return html`
        <div class="field">
            <label for=${id}>${field.label}</label>
            ${field.options ? html`
                <select id=${id} value=${value} onChange=${(e) => put(e.target.value)}>
                    ${field.options.map((o) => html`<option value=${o.value ?? o}>${o.label ?? o}</option>`)}
                </select>
            ` : field.type === 'lines' ? html`
                <textarea
                    id=${id}
                    rows="4"
                    value=${value}
                    required=${field.required}
                    onInput=${(e) => put(e.target.value)}
                />
            ` : html`
                <input
                    id=${id}
                    type=${field.type || 'text'}
                    min=${field.min}
                    value=${value}
                    required=${field.required}
                    onInput=${(e) => put(e.target.value)}
                    autocomplete="off"
                    spellcheck=${false}
                />
            `}
            ${field.hint && html`<p class="hint">${field.hint}</p>`}
        </div>
    `;
}

function Question({ q, close }) {
    const box = useRef(null);
    const [values, set] = useState(
        Object.fromEntries((q.fields || []).map((f) => [f.name, f.value ?? (f.type === 'checkbox' ? false : '')])),
    );
    const [error, fail] = useState(null);
    const [busy, work] = useState(false);
    useEffect(() => {
        box.current.showModal();
        const first =
            box.current.querySelector(q.danger ? '[data-cancel]' : 'input, select, textarea') ||
            box.current.querySelector('[data-yes]');
        first?.focus();
    }, []);
    const yes = async (e) => {
        e.preventDefault();
        fail(null);
        work(true);
        try {
            q.resolve((await (q.act ? q.act(values) : values)) ?? true);
            box.current.close(); // gives the focus back where it was
        } catch (problem) {
            fail(problem);
            work(false);
        }
    };
    return html`
        <dialog ref=${box} aria-labelledby="ask-title" onClose=${close}>
            <form onSubmit=${yes}>
                <h2 id="ask-title">${q.title}</h2>
                ${q.text && html`<p>${q.text}</p>`}
                ${q.body}
                ${(q.fields || []).filter((f) => !f.when || f.when(values)).map((f) => html`
                    <${Field} key=${f.name} field=${f} value=${values[f.name]} set=${set} />
                `)}
                <${Trouble} error=${error} />
                <div class="row end">
                    ${q.yes === null ? '' : html`
                        <button type="button" data-cancel onClick=${() => box.current.close()}>
                            Cancel
                        </button>
                    `}
                    <button type="submit" data-yes class=${q.danger ? 'danger' : 'primary'} disabled=${busy}>
                        ${busy ? 'Working…' : q.yes || 'Close'}
                    </button>
                </div>
            </form>
        </dialog>
    `;
}

export function Dialogs() {
    const [q, set] = useState(null);
    const [toasts, put] = useState([]);
    const number = useRef(0);
    useEffect(() => {
        show = (question) => set({ ...question, n: ++number.current });
        toast = (t) => {
            const n = ++number.current;
            put((old) => [...old.slice(-3), { ...t, n }]);
            setTimeout(() => put((old) => old.filter((x) => x.n !== n)), 6000);
        };
    }, []);
    const close = () => {
        q.resolve(null);
        set((now) => (now === q ? null : now));
    };
    return html`
        ${q && html`<${Question} key=${q.n} q=${q} close=${close} />`}
        <div class="toasts" role="status" aria-live="polite">
            ${toasts.map((t) => html`
                <div key=${t.n} class=${'toast t-' + t.tone}>
                    ${t.href ? html`<a href=${t.href}>${t.text}</a>` : t.text}
                </div>
            `)}
        </div>
    `;
}
