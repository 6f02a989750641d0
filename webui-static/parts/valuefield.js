/* SPDX-License-Identifier: Apache-2.0 */
/* A form field for a node's value, made from its description: what may be written decides what one can do. The server has
 * the last word; what it says about a value stands below the field. */
import { html, useState } from '../lib/preact.js';

const LONG = 60;

/** What a person may write, in words. */
export function allowedWords({ kind, min, max, pattern, values, delimiter, type }) {
    if (kind === 'range') return max >= 2147483647 ? `${min} or more` : `${min} to ${max}`;
    if (kind === 'pattern') return `what fits ${pattern}`;
    if (!values?.length) return kind === 'any' ? 'anything' : type ? `as ${type} says` : kind;
    const words = values
        .map((v) => (v.label && v.label !== v.value ? `${v.value} ${v.label}` : v.value))
        .join(', ');
    return delimiter
        ? `several of ${words}, with "${delimiter}" between`
        : kind === 'flags'
          ? `a sum of ${words}`
          : words;
}

/** A value with its label: "30 interactive". */
export function valueWords(value, allowed) {
    const label = allowed?.kind === 'enum' && allowed.values?.find((v) => v.value === value)?.label;
    return label && label !== value ? `${value} ${label}` : value;
}

const checkboxes = (values, on, set) => html`
    <div class="boxes">
        ${values.map((v) => html`
            <label class="check">
                <input type="checkbox" checked=${on(v.value)} onChange=${(e) => set(v.value, e.target.checked)} />${' '}
                ${v.value === v.label ? v.value : `${v.value} ${v.label}`}
            </label>
        `)}
    </div>
`;

function File({ id, set }) {
    const [name, take] = useState('');
    const read = (e) => {
        const file = e.target.files[0],
            reader = new FileReader();
        take(file ? `${file.name}, ${file.size.toLocaleString('en')} bytes` : '');
        reader.onload = () => set(reader.result.slice(reader.result.indexOf(',') + 1));
        if (file) reader.readAsDataURL(file);
    };
    return html`
        <input id=${id} type="file" onChange=${read} />
        ${name && html`<p class="hint">${name}</p>`}
    `;
}

/** `d`: what the description says; `value` is a text. */
export function ValueField({ id, d, value, set, bad }) {
    const { kind, values = [], delimiter, min, max } = d.allowed;
    const plain = {
        id,
        value,
        'aria-invalid': bad,
        'aria-describedby': `${id}-allowed`,
        onInput: (e) => set(e.target.value),
        autocomplete: 'off',
        spellcheck: false,
    };
    if (d.format === 'bool')
        return html`
            <label class="check">
                <input
                    id=${id}
                    type="checkbox"
                    role="switch"
                    checked=${value === 'true'}
                    onChange=${(e) => set(e.target.checked ? 'true' : 'false')}
                />${' '}
                ${value === 'true' ? 'true' : 'false'}
            </label>
        `;
    if (d.format === 'b64' || d.format === 'bin') return html`<${File} id=${id} set=${set} />`;
    if (kind === 'enum' && delimiter) {
        const now = value ? value.split(delimiter) : [];
        return checkboxes(
            values,
            (v) => now.includes(v),
            (v, on) =>
                set(
                    values
                        .map((x) => x.value)
                        .filter((x) => (x === v ? on : now.includes(x)))
                        .join(delimiter),
                ),
        );
    }
    if (kind === 'flags' && values.every((v) => /^\d+$/.test(v.value))) {
        const now = BigInt(/^\d+$/.test(value) ? value : 0);
        return checkboxes(
            values,
            (v) => (now & BigInt(v)) === BigInt(v) && BigInt(v) !== 0n,
            (v, on) => set(String(on ? now | BigInt(v) : now & ~BigInt(v))),
        );
    }
    if (kind === 'enum')
        return html`
            <select ...${plain} onChange=${plain.onInput}>
                ${!values.some((v) => v.value === value) && html`<option value=${value}>${value || 'choose'}</option>`}
                ${values.map((v) => html`
                    <option value=${v.value}>${v.label === v.value ? v.value : `${v.value} ${v.label}`}</option>
                `)}
            </select>
        `;
    if (kind === 'range' || d.format === 'int')
        return html`<input ...${plain} type="number" step="1" min=${min} max=${max} />`;
    if (value.length > LONG || value.includes('\n') || d.format === 'xml') return html`<textarea ...${plain} rows="4" />`;
    return html`<input ...${plain} type="text" />`;
}
