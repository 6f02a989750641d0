/* SPDX-License-Identifier: Apache-2.0 */
/* A device description as a tree to look at. Whether it is in order the server says; this only reads what it has taken. */
const text = (el, name) => [...(el?.children || [])].find((c) => c.localName === name)?.textContent.trim() || '';
const child = (el, name) => [...(el?.children || [])].find((c) => c.localName === name);
const inside = (el) => [...(el?.children || [])].map((c) => c.localName);
const OCCURS = {
    One: '1',
    ZeroOrOne: '0 or 1',
    ZeroOrMore: '0 or more',
    OneOrMore: '1 or more',
    ZeroOrN: '0 to',
    OneOrN: '1 to',
};

function occurs(el) {
    const one = el?.children[0];
    return one
        ? `${OCCURS[one.localName] || one.localName}${/OrN$/.test(one.localName) ? ` ${one.textContent.trim()}` : ''}`
        : '';
}

function allowed(el) {
    if (!el) return '';
    const values = [...el.children].filter((c) => c.localName === 'Enum' || c.localName === 'Value');
    return values
        .map((v) => {
            const value = text(v, 'Value') || v.textContent.trim(),
                label = text(v, 'ValueDescription');
            return label ? `${value} ${label}` : value;
        })
        .join(', ');
}

function node(el, path) {
    const about = child(el, 'DFProperties'),
        name = text(el, 'NodeName'),
        under = text(el, 'Path');
    const uri = `${under ? under.replace(/\/$/, '') : path}/${name || '<any>'}`;
    return {
        name: name || '<any>',
        uri,
        title: text(about, 'DFTitle'),
        description: text(about, 'Description'),
        format: inside(child(about, 'DFFormat'))[0] || 'node',
        access: inside(child(about, 'AccessType')).map((a) => a.toLowerCase()),
        occurs: occurs(child(about, 'Occurrence')),
        object: text(child(about, 'DFType'), 'DDFName'),
        allowed: allowed(child(about, 'AllowedValues')),
        start: text(about, 'DefaultValue'),
        children: [...el.children].filter((c) => c.localName === 'Node').map((c) => node(c, uri)),
    };
}

/** The nodes at the top, or null when the text cannot be read here. */
export function readDdf(xml) {
    const document = new DOMParser().parseFromString(xml, 'application/xml'),
        root = document.documentElement;
    if (document.querySelector('parsererror')) return null;
    return [...root.children].filter((c) => c.localName === 'Node').map((c) => node(c, '.'));
}
