/* SPDX-License-Identifier: Apache-2.0 */
/* Two recorded sessions of a device, message against message. */
import { html } from '../lib/preact.js';
import { get, ofDevice } from '../core/api.js';
import { useLoad } from '../core/live.js';
import { to } from '../core/route.js';
import { Badge, Empty, Loaded, Section } from '../parts/ui.js';
import { Difference } from '../parts/difference.js';
import { count } from '../core/words.js';

/* What differs in any two sessions says nothing. */
const same = (o) => (o ? o.xml.replace(/(<SessionID>)[^<]*/g, '$1…').replace(/\?s=A+/g, '') : null);

function Side({ way, before, after }) {
    return html`
        <div class="side">
            <h3>${way}</h3>
            ${before === after && html`<${Empty}>The same.</${Empty}>`}
            ${before !== after && html`<${Difference} before=${before} after=${after} label=${way} />`}
        </div>
    `;
}

export function Compare({ id, session, other }) {
    const load = useLoad(`${id} ${other}`, () => get(ofDevice(id, 'sessions', other)));
    return html`
        <${Loaded} of=${load}>
            ${(o) => {
                if (!o.recording)
                    return html`
                        <div class="panel">
                            <${Empty}>Session ${o.sessionId} was not recorded.</${Empty}>
                        </div>
                    `;
                const [old, now] = o.id < session.id ? [o, session] : [session, o],
                    pairs = [];
                for (let i = 0; i < Math.max(old.recording.messages.length, now.recording.messages.length); i++) {
                    const a = old.recording.messages[i],
                        b = now.recording.messages[i];
                    pairs.push({ n: i + 1, in: [same(a?.in), same(b?.in)], out: [same(a?.out), same(b?.out)] });
                }
                const alike = pairs.filter((p) => p.in[0] === p.in[1] && p.out[0] === p.out[1]);
                return html`
                    <p>
                        From session <a href=${to('devices', id, 'sessions', old.id)}>${old.sessionId}</a> to${' '}
                        <a href=${to('devices', id, 'sessions', now.id)}>${now.sessionId}</a>:${' '}
                        ${alike.length === pairs.length ? 'all messages are the same' : html`
                            ${count(pairs.length - alike.length, 'message')} of ${pairs.length} differ
                        `}
                        . SessionID and session token are left out.
                    </p>
                    ${pairs
                        .filter((p) => !alike.includes(p))
                        .map((p) => html`
                            <${Section}
                                key=${p.n}
                                id=${`pair-${p.n}`}
                                title=${`Message ${p.n}`}
                                actions=${p.in.includes(null) && html`<${Badge} tone="wait">only in one of them</${Badge}>`}>
                                <div class="two even">
                                    <${Side} way="The device said" before=${p.in[0]} after=${p.in[1]} />
                                    <${Side} way="The server answered" before=${p.out[0]} after=${p.out[1]} />
                                </div>
                            </${Section}>
                        `)}
                `;
            }}
        </${Loaded}>
    `;
}
