/* SPDX-License-Identifier: Apache-2.0 */
/* One form for a command to the tree or a question to the person at the device: asked for at once, or put on a list. */
import { ask } from './ask.js';
import { ECHOES, INPUTS, QUESTIONS, isQuestion, readQuestion, writeQuestion } from '../core/question.js';

const TREE = ['get', 'replace', 'add', 'delete', 'exec', 'copy'];
const FORMATS = ['', 'chr', 'int', 'bool', 'b64', 'node', 'xml', 'null'];
const DEFAULTS = {
    confirm: [
        { value: '', label: 'nothing' },
        { value: '1', label: 'yes' },
        { value: '0', label: 'no' },
    ],
};
const seconds = (name, label, hint) => ({ name, label, hint, type: 'number', min: 1, when: (v) => isQuestion(v.command) });

function fields(commands, of) {
    const q = readQuestion(of.data),
        option = (name) => q.options.get(name) || '';
    const kinds = commands.map((c) => (QUESTIONS[c] ? { value: c, label: `${c}: ${QUESTIONS[c]}` } : c));
    const is =
        (...names) =>
        (v) =>
            names.includes(v.command);
    return [
        { name: 'command', label: 'Command', options: kinds, value: of.command || commands[0] },
        {
            name: 'uri',
            label: 'Address',
            value: of.uri,
            required: true,
            hint: 'With ?prop=ACL and the like, or to get with ?list=Struct, StructData or TNDS.',
            when: (v) => !isQuestion(v.command),
        },
        { name: 'format', label: 'Format', options: FORMATS, value: of.format, when: is('replace', 'add') },
        { name: 'type', label: 'Type (optional)', value: of.type, when: is('replace', 'add') },
        {
            name: 'data',
            label: 'Data',
            type: 'lines',
            value: isQuestion(of.command) ? '' : of.data,
            when: is('replace', 'add', 'exec'),
        },
        { name: 'from', label: 'Copy from', value: of.data, required: true, when: is('copy') },
        { name: 'text', label: 'Text', value: q.text, required: true, when: (v) => isQuestion(v.command) },
        {
            name: 'choices',
            label: 'Choices, each on a line',
            type: 'lines',
            value: q.choices.join('\n'),
            required: true,
            when: is('choice', 'choices'),
        },
        { name: 'accept', label: 'Chosen before', options: DEFAULTS.confirm, value: option('DR'), when: is('confirm') },
        { name: 'initial', label: 'Written before', value: option('DR'), when: is('input') },
        {
            name: 'picked',
            label: 'Chosen before',
            value: option('DR'),
            hint: "The choice's number; of several 1-3.",
            when: is('choice', 'choices'),
        },
        { name: 'kind', label: 'It takes', options: INPUTS, value: option('IT'), when: is('input') },
        { name: 'echo', label: 'What is typed is', options: ECHOES, value: option('ET'), when: is('input') },
        {
            name: 'length',
            label: 'Characters at most',
            type: 'number',
            min: 1,
            value: option('MAXLEN'),
            when: is('input'),
        },
        { ...seconds('most', 'Wait at most, seconds', 'Then it counts as not answered.'), value: option('MAXDT') },
        { ...seconds('least', 'Show at least, seconds'), value: option('MINDT') },
    ];
}

function questionOf(v) {
    const choice = v.command === 'choice' || v.command === 'choices',
        input = v.command === 'input';
    const before = choice ? v.picked.trim().replace(/[\s,]+/g, '-') : input ? v.initial : v.accept;
    return {
        command: v.command,
        data: writeQuestion({
            options: {
                MINDT: v.least,
                MAXDT: v.most,
                DR: v.command === 'display' ? '' : before,
                ...(input ? { MAXLEN: v.length, IT: v.kind, ET: v.echo } : {}),
            },
            text: v.text.trim(),
            choices: choice
                ? v.choices
                      .split('\n')
                      .map((c) => c.trim())
                      .filter(Boolean)
                : [],
        }),
    };
}

function commandOf(v) {
    if (isQuestion(v.command)) return questionOf(v);
    const writes = v.command === 'replace' || v.command === 'add';
    const data = v.command === 'copy' ? v.from.trim() : v.data;
    const bare = v.command === 'get' || v.command === 'delete' || (data === '' && v.command !== 'replace');
    return {
        command: v.command,
        uri: v.uri.trim(),
        ...(writes && v.format ? { format: v.format } : {}),
        ...(writes && v.type ? { type: v.type.trim() } : {}),
        ...(bare ? {} : { data }),
    };
}

const TREE_AND_QUESTIONS = [...TREE, ...Object.keys(QUESTIONS)];

/** Any command, typed; `act(command)` sends it or puts it somewhere. */
export const askCommand = ({ title, text, yes, of = {}, act }) =>
    ask({ title, text, yes, fields: fields(TREE_AND_QUESTIONS, of), act: (v) => act(commandOf(v)) });

/** A question to the person at the device. */
export const askPerson = ({ title, yes, act }) =>
    ask({
        title,
        yes,
        text: 'The device is called and asks in its next session. What the person answers is shown here.',
        fields: fields(Object.keys(QUESTIONS), { command: 'confirm' }),
        act: (v) => act(commandOf(v)),
    });
