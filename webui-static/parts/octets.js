/* SPDX-License-Identifier: Apache-2.0 */
/* One message as somebody who debugs wants it: as XML, in words, or as the octets that were on the line. */
import { html } from '../lib/preact.js';
import { Empty, Loaded, Source } from './ui.js';

export const VIEWS = [
    ['xml', 'XML'],
    ['text', 'In words'],
    ['bytes', 'Bytes'],
];
const COLOURED = 200000,
    DUMPED = 32768,
    TAG = /(<[^>]+>)/;

/* Tags step back, so that what stands between them is seen first; the header, much the same in every message, is folded. */
const tags = (xml) => xml.split(TAG).map((part, i) => (i % 2 ? html`<span class="tag">${part}</span>` : part));
function coloured(xml) {
    const from = xml.indexOf('<SyncHdr>'),
        till = xml.indexOf('</SyncHdr>\n');
    if (xml.length > COLOURED) return xml;
    if (from < 0 || till < 0) return tags(xml);
    const end = till + '</SyncHdr>\n'.length,
        head = xml.slice(0, from).replace(/ +$/, '');
    return html`
        ${tags(head)}
        <details class="folded">
            <summary>SyncHdr</summary>
            ${tags(xml.slice(head.length, end))}
        </details>
        ${tags(xml.slice(end))}
    `;
}

const hex = (n, digits) => n.toString(16).padStart(digits, '0');
function dump(base64) {
    const octets = atob(base64),
        lines = [];
    for (let at = 0; at < octets.length && at < DUMPED; at += 16) {
        const row = [...octets.slice(at, at + 16)],
            codes = row.map((c) => hex(c.charCodeAt(0), 2));
        const seen = row.map((c) => (c >= ' ' && c <= '~' ? c : '.')).join('');
        lines.push(
            `${hex(at, 5)}  ${[codes.slice(0, 8).join(' '), codes.slice(8).join(' ')].join('  ').padEnd(48)}  ${seen}`,
        );
    }
    if (octets.length > DUMPED) lines.push(`… ${octets.length - DUMPED} more: save the recording`);
    return lines.join('\n');
}

/** `raw`: what useLoad gives of the recording's octets, [{in, out}] in base64. */
export function Octets({ way, o, view, raw, n, side }) {
    if (view === 'bytes')
        return html`
            <${Loaded} of=${raw}>
                ${(list) => html`
                    <p class="hint">As recorded: secrets overwritten, lengths kept.</p>
                    <${Source} text=${dump(list[n - 1]?.[side] || '')} label=${`${way}, octets`} />
                `}
            </${Loaded}>
        `;
    if (view === 'xml' && o.xml)
        return html`
            <${Source} text=${o.xml} label=${`${way} as XML`}>
                ${coloured(o.xml)}
            </${Source}>
        `;
    return html`
        ${view === 'xml' && html`<p class="hint">It cannot be shown as XML.</p>`}
        ${o.text ? html`<${Source} text=${o.text} label=${way} />` : html`<${Empty}>Nothing can be read in it.</${Empty}>`}
    `;
}
