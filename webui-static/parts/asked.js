/* SPDX-License-Identifier: Apache-2.0 */
/* Operations on the tree that were asked for here, as they go on: each command's code and words, what was read or answered. */
import { html } from '../lib/preact.js';
import { get } from '../core/api.js';
import { useLoad } from '../core/live.js';
import { to } from '../core/route.js';
import { Badge } from './ui.js';
import { answerOf, isQuestion, questionWords } from '../core/question.js';
import { isOpen, operationLabel, operationTone } from '../core/words.js';

export const nameOf = (uri) => uri.slice(uri.lastIndexOf('/') + 1) || uri;
export const isGroup = (command) => command === 'atomic' || command === 'sequence';

/** An operation by its number, loaded again whenever it changes. */
export const useOperation = (n) =>
    useLoad(
        n === null ? null : `operation ${n}`,
        () => get(`/operations/${n}`),
        (type, e) => type === 'operation' && e.id === n,
    );

const short = (uri, of) =>
    !of
        ? uri
        : uri === of
          ? nameOf(uri)
          : uri.startsWith(of + '?')
            ? uri.slice(of.length)
            : uri.startsWith(of + '/')
              ? uri.slice(of.length + 1)
              : uri;
/** Empty, not sent, octets, text: four things. */
const FoundValue = ({ r }) => {
    if (r.value === null) {
        return html`<span class="muted">no value sent${r.size === undefined ? '' : `, size ${r.size} octets`}</span>`;
    }
    if (r.value === '') return html`<span class="muted">empty</span>`;
    return html`<code>${r.value}</code>${r.encoding ? html` <span class="muted">${r.encoding}</span>` : ''}`;
};

export const ValueTable = ({ list, of }) => html`
    <table class="plain">
        <tbody>
            ${list.map((r) => html`
                <tr>
                    <th scope="row" class="mono">
                        ${short(r.uri, of)}
                    </th>
                    <td><${FoundValue} r=${r} /></td>
                </tr>
            `)}
        </tbody>
    </table>
`;

/** What a command says, as a person reads it. */
export const CommandWords = ({ c }) =>
    isQuestion(c.command) ? html`<span>${questionWords(c.data)}</span>` : html`
        <span class="mono">${c.uri}</span>
        ${c.format ? html`
            ${' '}
            <span class="muted">${c.format}</span>
        ` : ''}
        ${c.data !== undefined ? html`
            ${' '}
            ${c.command === 'copy' ? 'from' : '='} <code>${c.data === '' ? 'empty' : c.data}</code>
        ` : ''}
    `;

/** What the person at the device did; what was asked for as a password is shown when one wants to see it. */
export function Answer({ of, none = null }) {
    const a = answerOf(of);
    if (!a) return none;
    if (!a.value) return html`<p class="answer">${a.words}</p>`;
    if (!a.hidden) return html`<p class="answer">${a.words}: ${a.value}</p>`;
    return html`
        <details>
            <summary>${a.words} what is hidden</summary>
            <code>${a.value}</code>
        </details>
    `;
}

/* Among others, what was undone, left out or cancelled is no success, and any other refusal is to blame for the rest. */
const toneOf = (code) => ([214, 215, 216].includes(code) ? 'none' : code === 304 ? 'wait' : code < 300 ? 'ok' : 'fail');

/* What came of one: the device's answer, what it read, and what the device reported when it was asked afterwards. */
function Outcome({ c, open }) {
    return html`
        ${c.code ? html`
            <span class=${'status t-' + toneOf(c.code)}>
                <b>${c.code}</b> ${c.codeText}
            </span>
        ` : html`
            <span class="muted">${c.reported ? '' : open ? 'no answer yet' : 'no answer'}</span>
        `}
        ${isQuestion(c.command) && html`<${Answer} of=${c} />`}
        ${!isQuestion(c.command) && Array.isArray(c.result) && c.result.length > 0 && html`
            <${ValueTable} list=${c.result} of=${c.uri} />
        `}
        ${c.reported && !(c.code >= 300 && c.reported.code === c.code) && html`
            <p class="muted">
                reported${' '}
                ${c.reported.code >= 300 ? `${c.reported.code} ${c.reported.codeText}` : (
                    html`<code>${c.reported.value === '' ? 'empty' : c.reported.value}</code>`
                )}
            </p>
        `}
    `;
}

/** The commands of a group, or what was read and written of an access list, each with what became of it. */
export const Commands = ({ o }) => html`
    <ol class="commands" aria-label="Commands">
        ${o.commands.map((c) => html`
            <li>
                <div class="what">
                    <span class="verb">${c.command}</span> <${CommandWords} c=${c} />
                </div>
                <div class="came"><${Outcome} c=${c} open=${isOpen(o.state)} /></div>
            </li>
        `)}
    </ol>
`;

/** One that was asked for, in short; `again` takes the commands of a group that is over for another try. */
export function Asked({ n, uri, again }) {
    const o = useOperation(n).data;
    if (!o) return null;
    return html`
        <li>
            <div class="row">
                <a href=${to('operations', n)}>
                    ${uri ? `${o.command} ${short(o.uri, uri)}` : operationLabel(o)}
                </a>
                <${Badge} tone=${operationTone(o.state)}>${o.state}</${Badge}>
                ${again && isGroup(o.command) && o.commands && !isOpen(o.state) && html`
                    <button type="button" class="quiet small" onClick=${() => again(o)}>
                        Use these again
                    </button>
                `}
            </div>
            ${(isOpen(o.state) || o.state === 'failed') && html`
                <p class="muted">
                    ${o.reason}
                    ${isOpen(o.state) && o.state === 'queued' ? ', or until it polls' : ''}
                </p>
            `}
            ${isQuestion(o.command) && html`<${Answer} of=${o} />`}
            ${isGroup(o.command) && o.commands && html`<${Commands} o=${o} />`}
            ${!isQuestion(o.command) && Array.isArray(o.result) && o.result.length > 0 && html`
                <${ValueTable} list=${o.result} of=${uri} />
            `}
        </li>
    `;
}
