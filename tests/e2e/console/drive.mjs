/* SPDX-License-Identifier: Apache-2.0 */
/* A browser that takes orders: one JSON array [name, ...arguments] on each line of stdin, one answer {ok} or {error} on each line of stdout.
 *
 *   node drive.mjs FOLDER_OF_NODE_MODULES CHROMIUM PROFILE ADDRESS MILLISECONDS_IN_A_PATIENT_SECOND */
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';

const [modules, executablePath, profile, address, second] = process.argv.slice(2);
const SECONDS = Number(second);
const { chromium } = createRequire(modules + '/')('playwright-core');

const context = await chromium.launchPersistentContext(profile, {
    executablePath, headless: true, ignoreHTTPSErrors: true, viewport: { width: 1280, height: 860 },
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
});
const page = context.pages()[0] || await context.newPage();
const problems = [];
page.on('console', (m) => ['error', 'warning'].includes(m.type()) && problems.push(`${m.type()}: ${m.text()} (${m.location().url})`));
page.on('pageerror', (e) => problems.push(`exception: ${e.stack}`));
page.on('request', (r) => !r.url().startsWith(address + '/') && !/^(data|blob):/.test(r.url()) && problems.push(`outside request: ${r.url()}`));
await page.exposeFunction('tellProblem', (text) => problems.push(text));
await page.addInitScript(() => addEventListener('securitypolicyviolation', (e) => window.tellProblem(`policy violation: ${e.violatedDirective} ${e.blockedURI} ${e.sample}`)));

const one = (selector, text) => (text ? page.locator(selector).filter({ hasText: text }) : page.locator(selector)).first();

/* What a person cannot read: text whose contrast with its ground is below AA. */
function faint() {
    const canvas = new OffscreenCanvas(1, 1).getContext('2d', { willReadFrequently: true });
    const rgba = (c) => {
        canvas.clearRect(0, 0, 1, 1);
        canvas.fillStyle = c;
        canvas.fillRect(0, 0, 1, 1);
        const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
        return [r, g, b, a / 255];
    };
    const over = (top, ground) => [0, 1, 2].map((i) => top[i] * top[3] + ground[i] * (1 - top[3]));
    const light = (c) => c.slice(0, 3).map((v) => v / 255).map((v) => (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)).reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
    const found = [];
    for (const el of document.querySelectorAll('body *')) {
        const text = [...el.childNodes].filter((n) => n.nodeType === 3).map((n) => n.data.trim()).join('');
        const style = getComputedStyle(el), box = el.getBoundingClientRect();
        if (!text || style.visibility === 'hidden' || box.width < 2 || box.height < 2 || el.matches(':disabled, option') || style.clipPath !== 'none')
            continue;
        const chain = [];
        for (let e = el; e; e = e.parentElement)
            chain.unshift(rgba(getComputedStyle(e).backgroundColor));
        const ground = chain.reduce((g, c) => over(c, g), [255, 255, 255]);
        const a = light(over(rgba(style.color), ground)), b = light(ground), ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
        const size = parseFloat(style.fontSize), big = size >= 24 || (size >= 18.66 && parseInt(style.fontWeight, 10) >= 700);
        if (ratio < (big ? 3 : 4.5))
            found.push(`${ratio.toFixed(2)} "${text.slice(0, 40)}" <${el.tagName.toLowerCase()} class="${el.className}">`);
    }
    return found;
}

/* Controls that say nothing to who does not see them. */
function nameless() {
    return [...document.querySelectorAll('button, a, input, select, textarea, [role=img]')].filter((el) => el.offsetParent !== null && !el.closest('[aria-hidden=true]') &&
        !(el.getAttribute('aria-label') || el.textContent.trim() || el.title || el.labels?.length)).map((el) => el.outerHTML.slice(0, 120));
}

/* Over when the page of the new address has been drawn once. */
function goTo(hash) {
    if (location.hash === hash)
        return null;
    return new Promise((done) => {
        addEventListener('hashchange', () => requestAnimationFrame(() => requestAnimationFrame(() => done(null))), { once: true });
        location.hash = hash;
    });
}

const orders = {
    open: (path = '/') => page.goto(address + path, { timeout: 30 * SECONDS }).then(() => null),
    reload: () => page.reload({ timeout: 30 * SECONDS }).then(() => null),
    go: (hash) => page.evaluate(goTo, hash),
    look: async ({ width, height = 860, scheme }) => {
        if (width)
            await page.setViewportSize({ width, height });
        if (scheme)
            await page.emulateMedia({ colorScheme: scheme });
    },
    fill: (selector, text) => page.locator(selector).first().fill(text, { timeout: 10 * SECONDS }),
    click: (selector, text) => one(selector, text).click({ timeout: 10 * SECONDS }),
    choose: (selector, value) => page.locator(selector).first().selectOption(value, { timeout: 10 * SECONDS }),
    files: (selector, path) => page.locator(selector).setInputFiles(path),
    press: (...keys) => keys.reduce((p, k) => p.then(() => page.keyboard.press(k)), Promise.resolve()),
    type: (text) => page.keyboard.type(text),
    see: (selector, text, seconds = 10) => one(selector, text).waitFor({ state: 'visible', timeout: seconds * SECONDS }),
    gone: (selector, text, seconds = 10) => one(selector, text).waitFor({ state: 'hidden', timeout: seconds * SECONDS }),
    text: (selector) => page.locator(selector).first().innerText({ timeout: 10 * SECONDS }),
    texts: (selector) => page.locator(selector).allInnerTexts(),
    count: (selector) => page.locator(selector).count(),
    value: (selector) => page.locator(selector).first().inputValue(),
    evaluate: (code) => page.evaluate(code),
    focus: () => page.evaluate(() => { const e = document.activeElement; return `${e.tagName.toLowerCase()} ${e.getAttribute('href') || e.id || ''} ${(e.innerText || '').trim().slice(0, 60)}`; }),
    offline: (on) => context.setOffline(on),
    shot: (path) => page.screenshot({ path, fullPage: true }).then(() => null),
    faint: () => page.evaluate(faint),
    nameless: () => page.evaluate(nameless),
    overflow: () => page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth),
    problems: () => problems.splice(0),
};

process.stdout.write(JSON.stringify({ ok: 'ready' }) + '\n');
for await (const line of createInterface({ input: process.stdin })) {
    const [name, ...args] = JSON.parse(line);
    let answer;
    try {
        answer = { ok: (await orders[name](...args)) ?? null };
    } catch (e) {
        answer = { error: `${name}(${args.map((a) => JSON.stringify(a)).join(', ')}): ${e.message}\npage: ${page.url()}\n${(await page.locator('body').innerText().catch(() => '')).slice(0, 3000)}` };
    }
    process.stdout.write(JSON.stringify(answer) + '\n');
}
await context.close();
