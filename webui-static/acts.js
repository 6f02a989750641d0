/* SPDX-License-Identifier: Apache-2.0 */
/* What can be asked of a VM, and the buttons for it. The table says which states an operation may start in, as the layout of
 * the management object does; the server has the last word and its refusal is shown. */
import { html } from './lib/preact.js';
import { ofDevice, once, post } from './api.js';
import { ask, say } from './ask.js';
import { to } from './route.js';
import { Menu } from './ui.js';
import { useMay } from './who.js';

const S = { defined: 10, stopped: 30, running: 50, paused: 60, suspended: 80, crashed: 110, failed: 160 };
const SETTLED = [S.stopped, S.running, S.paused, S.suspended, S.crashed, S.failed];

/* kind, label, states it may start in; unlocked: not while locked; first: a button of its own. */
const OPERATIONS = [
    { kind: 'start', label: 'Start', from: [S.stopped, S.crashed], unlocked: true, first: true },
    { kind: 'resume', label: 'Resume', from: [S.paused, S.suspended], unlocked: true, first: true },
    {
        kind: 'shutdown',
        label: 'Shut down',
        from: [S.running],
        first: true,
        ask: 'The guest is asked to end; its user loses what is not saved.',
    },
    {
        kind: 'reboot',
        label: 'Restart',
        from: [S.running],
        unlocked: true,
        first: true,
        ask: 'The guest restarts; its user loses what is not saved.',
    },
    {
        kind: 'lock',
        label: 'Lock',
        from: SETTLED,
        first: true,
        locked: false,
        ask: 'The user cannot use it until it is unlocked.',
        fields: [
            {
                name: 'msg',
                label: 'Message for the user (optional)',
                hint: 'Shown on the device while it is locked.',
            },
        ],
    },
    { kind: 'unlock', label: 'Unlock', from: SETTLED, first: true, locked: true },
    { kind: 'provision', label: 'Provision', from: [S.defined] },
    { kind: 'pause', label: 'Pause', from: [S.running] },
    { kind: 'suspend', label: 'Suspend to disk', from: [S.running, S.paused] },
    { kind: 'partialLock', label: 'Lock partly', from: SETTLED, locked: false },
    {
        kind: 'snapshot',
        label: 'Take a snapshot',
        from: [S.stopped, S.running, S.paused, S.suspended],
        fields: [
            { name: 'name', label: 'Name' },
            { name: 'mem', label: 'With memory', type: 'checkbox' },
        ],
    },
    {
        kind: 'applyResources',
        label: 'Apply resources',
        from: [S.stopped, S.running, S.crashed],
        fields: [{ name: 'restart', label: 'Restart if need be', type: 'checkbox' }],
    },
    { kind: 'kpi.collect', label: 'Sample figures now', from: null },
    {
        kind: 'cancel',
        label: 'Cancel what it does',
        from: null,
        ask: 'The operation the device is working on is broken off.',
        busy: true,
    },
    {
        kind: 'stop',
        label: 'Power off',
        from: [S.running, S.paused, S.suspended, S.crashed],
        danger: 'Like pulling the plug: the guest loses what is not saved.',
    },
    {
        kind: 'reset',
        label: 'Reset',
        from: [S.running, S.paused, S.crashed],
        unlocked: true,
        danger: 'Like pulling the plug and starting again: the guest loses what is not saved.',
    },
    {
        kind: 'rollback',
        label: 'Roll back the image',
        from: [S.stopped, S.running, S.crashed, S.failed],
        danger: 'The VM goes back to the image before its last upgrade.',
    },
    {
        kind: 'wipe',
        label: 'Wipe',
        from: SETTLED,
        danger: 'Data is erased for good. There is no way back.',
        fields: [{ name: 'scope', label: 'What to erase', options: ['user', 'listed', 'all'], value: 'user' }],
    },
    {
        kind: 'delete',
        label: 'Delete',
        from: [S.stopped, S.suspended, S.crashed, S.failed],
        danger: 'The VM and its data are removed from the device for good. A policy that wants it will make it anew, empty.',
        fields: [{ name: 'wipe', label: 'Overwrite its data', type: 'checkbox' }],
    },
];

/** Why not now; empty when it may. */
function hindrance(op, vm) {
    if (op.from && !op.from.includes(vm.state))
        return `not while it is ${(vm.stateLabel || vm.stateText).toLowerCase()}`;
    if (op.unlocked && vm.locked) return 'not while it is locked';
    if (op.busy && !vm.operation) return 'it does nothing now';
    return '';
}

const argsOf = (op, values) =>
    Object.fromEntries(
        (op.fields || [])
            .map((f) => [f.name, values[f.name]])
            .filter(([, v]) => v !== '' && v !== false && v !== undefined),
    );

async function request(device, vm, op, values) {
    const asked = await post(
        ofDevice(device, 'operations'),
        { kind: op.kind, ...(vm ? { vm } : {}), args: argsOf(op, values) },
        { headers: once() },
    );
    say(`${op.label}${vm ? ` of ${vm}` : ''}: asked for`, { href: to('operations', asked.id) });
    return asked;
}

/** Asks when it should; true when it was asked for. */
async function perform(device, vm, op, problem, done) {
    try {
        const act = (values) => request(device, vm, op, values);
        const got =
            op.danger || op.ask || op.fields
                ? await ask({
                      title: `${op.label}${vm ? ` ${vm}` : ''} on ${device}?`,
                      text: op.danger || op.ask,
                      yes: op.label,
                      danger: !!op.danger,
                      fields: op.fields,
                      act,
                  })
                : await act({});
        if (got) done?.(got);
    } catch (e) {
        problem(e);
    }
}

export function VmActs({ device, vm, problem, done }) {
    const may = useMay();
    if (!may || vm.stateText === 'missing') return null;
    const fits = OPERATIONS.filter(
        (op) =>
            (!vm.operations || vm.operations.includes(op.kind)) && // what the device's tree has
            (op.locked === undefined || op.locked === !!vm.locked) &&
            !(op.kind === 'provision' && vm.state !== S.defined),
    );
    const now = fits.filter((op) => op.first && (!hindrance(op, vm) || (op.kind === 'start' && vm.state === 30)));
    const press = (op) => () => perform(device, vm.id, op, problem, done);
    return html`
        <div class="acts">
            ${now.map((op) => html`
                <button
                    type="button"
                    key=${op.kind}
                    data-act=${op.kind}
                    disabled=${!!hindrance(op, vm)}
                    title=${hindrance(op, vm)}
                    onClick=${press(op)}>
                    ${op.label}
                </button>
            `)}
            <${Menu} label="More">
                ${fits
                    .filter((op) => !op.first)
                    .map((op) => {
                        const not = hindrance(op, vm);
                        return html`
                            <button
                                type="button"
                                data-act=${op.kind}
                                class=${op.danger ? 'dangerous' : ''}
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

const DEVICE_OPERATIONS = [
    { kind: 'collectAll', label: 'Sample figures of all VMs' },
    { kind: 'refresh', label: 'Rescan the hypervisor' },
    { kind: 'unlockAll', label: 'Unlock all VMs', ask: 'Every VM of this device is unlocked.' },
    {
        kind: 'lockAll',
        label: 'Lock all VMs',
        danger: 'Nobody can use any VM of this device until it is unlocked.',
    },
];
export const DeviceActs = ({ device, operations, problem }) =>
    DEVICE_OPERATIONS.filter((op) => !operations || operations.includes(op.kind)).map((op) => html`
        <button
            type="button"
            data-act=${op.kind}
            class=${op.danger ? 'dangerous' : ''}
            onClick=${() => perform(device, '', op, problem)}>
            ${op.label}
        </button>
    `);
