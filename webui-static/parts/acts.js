/* SPDX-License-Identifier: Apache-2.0 */
/* What can be asked of a VM or a device, and the buttons for it, from the server's catalogue. The server has the last word and its
 * refusal is shown. */
import { html } from '../lib/preact.js';
import { ofDevice, once, post } from '../core/api.js';
import { ask, say } from './ask.js';
import { offers, useLayouts } from '../core/catalog.js';
import { to } from '../core/route.js';
import { Menu } from './ui.js';
import { useMay } from '../core/who.js';

const FORCE = 'force';
const startsIn = (op, vm) => !op.from || op.from.includes(vm.stateText);
const forcedIn = (op, vm) => !!op.fromForced?.includes(vm.stateText);

/** Why not now; empty when it may. */
function hindrance(op, vm) {
    if (!startsIn(op, vm) && !forcedIn(op, vm))
        return `not while it is ${(vm.stateLabel || vm.stateText).toLowerCase()}`;
    if (!op.whileLocked && vm.locked) return 'not while it is locked';
    if (op.interrupts && !vm.operation) return 'no operation is running';
    return '';
}

/** What the dialog asks for. */
const fieldsOf = (op) =>
    op.args
        .filter((a) => !(a.name === FORCE && op.fromForced)) // said by the state
        .map((a) => ({
            name: a.name,
            label: a.label,
            type: a.type === 'bool' ? 'checkbox' : a.type === 'int' ? 'number' : undefined,
            options: a.words,
            value: a.type === 'bool' ? a.default === '1' : a.default,
        }));

const argsOf = (values) =>
    Object.fromEntries(Object.entries(values).filter(([, v]) => v !== '' && v !== false && v !== undefined));

async function request(device, vm, op, values) {
    const args = { ...argsOf(values), ...(vm && !startsIn(op, vm) ? { [FORCE]: true } : {}) };
    const asked = await post(
        ofDevice(device, 'operations'),
        { kind: op.name, ...(vm ? { vm: vm.id } : {}), args },
        { headers: once() },
    );
    say(`${op.label}${vm ? ` of ${vm.id}` : ''}: requested`, { href: to('operations', asked.id) });
    return asked;
}

/** Asks when it should; true when it was asked for. @param vm  null: of the whole device */
async function perform(device, vm, op, problem, done) {
    try {
        const act = (values) => request(device, vm, op, values);
        const fields = fieldsOf(op);
        const got =
            op.confirm || (fields.length && !op.primary)
                ? await ask({
                      title: `${op.label}${vm ? ` ${vm.id}` : ''} on ${device}?`,
                      text: op.confirm,
                      yes: op.label,
                      danger: op.destructive,
                      fields,
                      act,
                  })
                : await act(Object.fromEntries(fields.map((f) => [f.name, f.value])));
        if (got) done?.(got);
    } catch (e) {
        problem(e);
    }
}

/** One of a single state is shown in it alone, and what would change nothing is not shown. */
const fits = (op, vm) =>
    !(op.lockTo !== undefined && op.lockTo === vm.lockState) &&
    !(op.from?.length === 1 && !startsIn(op, vm)) &&
    !(op.primary && !startsIn(op, vm));

export function VmActs({ device, vm, problem, done }) {
    const may = useMay(),
        layouts = useLayouts();
    if (!may || vm.stateText === 'missing') return null;
    const all = offers(layouts, 'vm', vm.layout, vm.operations).filter((op) => fits(op, vm));
    const press = (op) => () => perform(device, vm, op, problem, done);
    return html`
        <div class="acts">
            ${all.filter((op) => op.primary).map((op) => html`
                <button
                    type="button"
                    key=${op.name}
                    data-act=${op.name}
                    disabled=${!!hindrance(op, vm)}
                    title=${hindrance(op, vm) || op.help}
                    onClick=${press(op)}>
                    ${op.label}
                </button>
            `)}
            <${Menu} label="More">
                ${all.filter((op) => !op.primary).map((op) => {
                    const not = hindrance(op, vm);
                    return html`
                        <button
                            type="button"
                            data-act=${op.name}
                            class=${op.destructive ? 'dangerous' : ''}
                            disabled=${!!not}
                            onClick=${press(op)}>
                            ${op.label}
                            ${not && html`<small>${not}</small>`}
                        </button>
                    `;
                })}
            </${Menu}>
        </div>
    `;
}

export function DeviceActs({ device, mo, operations, problem }) {
    const layouts = useLayouts();
    return offers(layouts, 'device', mo, operations).map((op) => html`
        <button
            type="button"
            data-act=${op.name}
            class=${op.destructive ? 'dangerous' : ''}
            onClick=${() => perform(device, null, op, problem)}>
            ${op.label}
        </button>
    `);
}
