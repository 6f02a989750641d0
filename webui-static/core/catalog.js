/* SPDX-License-Identifier: Apache-2.0 */
/* The states and operations of VMs, as the server's layouts have them: this console has no list of its own. */
import { useEffect, useState } from '../lib/preact.js';
import { get } from './api.js';

let layouts = null, // null until they are there
    asked = null;
const waiting = new Set();

function load() {
    asked ??= get('/layouts').then(
        (page) => {
            layouts = page.items;
            waiting.forEach((fn) => fn(layouts));
        },
        () => {
            asked = null; // the next one who needs them asks again
        },
    );
}

/** The layouts; null while they are loaded. */
export function useLayouts() {
    const [value, set] = useState(layouts);
    useEffect(() => {
        waiting.add(set);
        set(layouts);
        if (!layouts) load();
        return () => waiting.delete(set);
    }, []);
    return value;
}

/** What is offered for a VM or ("device") for a device; `has`: the names that its tree has, when that is known. */
export function offers(list, scope, mo, has) {
    const layout = (list || []).find((l) => l.mo === mo) || (list || [])[0];
    return (layout?.operations || []).filter((op) => op.scope === scope && (!has || has.includes(op.name)));
}

/** Is the VM in another state than the one that is wanted? */
export function differs(list, vm) {
    const layout = (list || []).find((l) => l.mo === vm.layout);
    const goal = layout?.goals.find((g) => g.name === vm.goal);
    return !!goal && (goal.gone || goal.state !== vm.stateText);
}
