/* SPDX-License-Identifier: Apache-2.0 */
/* Questions to the person at the device: their data has a line of options, the text, then the choices, each on a line. */

/** Each with what it does, in words for a form. */
export const QUESTIONS = {
    display: 'show a text',
    confirm: 'ask yes or no',
    input: 'ask for an input',
    choice: 'let choose one',
    choices: 'let choose several',
};
export const isQuestion = (command) => command in QUESTIONS;

/* Kinds of input, and how what is typed is shown. */
export const INPUTS = [
    { value: '', label: 'letters and digits' },
    { value: 'N', label: 'a number' },
    { value: 'D', label: 'a date' },
    { value: 'T', label: 'a time' },
    { value: 'P', label: 'a telephone number' },
    { value: 'I', label: 'an IPv4 address' },
];
export const ECHOES = [
    { value: '', label: 'shown' },
    { value: 'P', label: 'hidden, as a password' },
];

export function readQuestion(data = '') {
    const [options, text = '', ...choices] = data.split('\n');
    return { options: new URLSearchParams(options), text, choices };
}

export function writeQuestion({ options, text, choices = [] }) {
    const given = new URLSearchParams(Object.entries(options).filter(([, v]) => v !== '' && v !== undefined));
    return [given.toString(), text, ...choices].join('\n');
}

export function questionWords(data) {
    const { text, choices } = readQuestion(data);
    return choices.length ? `${text} (${choices.join(', ')})` : text;
}

const REFUSALS = { 214: 'The person cancelled', 304: 'The person said no', 408: 'The person did not answer in time' };

/** What the person did, in words, and what they wrote or chose; null while nobody knows. `hidden`: asked for as a password. */
export function answerOf({ command, data, code, result }) {
    if (REFUSALS[code]) return { words: REFUSALS[code] };
    if (code !== 200) return null;
    if (command === 'display') return { words: 'It was shown' };
    if (command === 'confirm') return { words: 'The person said yes' };
    const { options, choices } = readQuestion(data);
    const values = (Array.isArray(result) ? result : []).map((r) => r.value);
    if (command === 'input')
        return values.length ? { words: 'The person wrote', value: values[0], hidden: options.get('ET') === 'P' } : null;
    const chosen = values.map((v) => choices[Number(v) - 1] || v);
    return chosen.length ? { words: 'The person chose', value: chosen.join(', ') } : { words: 'The person chose none' };
}
