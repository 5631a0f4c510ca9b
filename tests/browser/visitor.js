// A person in front of the page: reads it, fills it in, presses its buttons. Beside it, what a
// person does not see: the frames of its WebSockets, the browser's console.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { until } from './until.js';

export class Visitor {
  sip = []; // {way: sent|received, text}
  #errors = [];
  #shots = 0;

  constructor(page, work, axe) {
    Object.assign(this, { page, work, axe });
    page.setDefaultTimeout(30000);
    page.on('console', (m) => ['error', 'warning'].includes(m.type()) && this.#errors.push(m.text()));
    page.on('pageerror', (error) => this.#errors.push(String(error)));
    page.on('websocket', (socket) => {
      socket.on('framesent', ({ payload }) => this.sip.push({ way: 'sent', text: String(payload) }));
      socket.on('framereceived', ({ payload }) => this.sip.push({ way: 'received', text: String(payload) }));
    });
  }

  async open(address) {
    await this.page.goto(address);
    await this.page.locator('body[data-ready=yes]').waitFor();
  }

  /* ---- the form ---- */

  press(name) {
    return this.page.getByRole('button', { name, exact: true }).click();
  }

  fill(label, text) {
    return this.page.getByLabel(label, { exact: true }).fill(text);
  }

  read(label) {
    return this.page.getByLabel(label, { exact: true }).inputValue();
  }

  async by(how) {
    await this.page.getByLabel({ token: 'a token of the web login', digest: 'an IMS password (digest)' }[how]).check();
  }

  /** The further options, which are folded away at first. */
  async unfold() {
    const more = this.page.locator('#more');
    if ((await more.getAttribute('open')) === null) await more.locator('summary').click();
  }

  async askFor(seconds) {
    await this.unfold();
    await this.fill('Registration interval to ask for, in seconds', String(seconds));
  }

  async signIn(user, password) {
    await this.fill('User name', user);
    await this.fill('Web password', password);
    await this.press('Sign in');
  }

  /* ---- what stands on it ---- */

  #status() {
    return this.page.evaluate(() => {
      const at = (id) => document.getElementById(id).textContent;
      return { what: at('say-what'), why: at('say-why'), connection: at('connection'), registration: at('registration') };
    });
  }

  /** Waits until the status says so: {what, why: regex; connection, registration: text}. */
  async sees(wanted) {
    let seen;
    await until(async () => {
      seen = await this.#status();
      return Object.entries(wanted).every(([key, value]) => (value instanceof RegExp ? value.test(seen[key]) : seen[key] === value));
    }, () => `the page should say ${Object.entries(wanted).map(([k, v]) => `${k}: ${v}`).join(', ')}; it says ${JSON.stringify(seen)}`);
    return seen;
  }

  /** Waits until some part of the page has the words. */
  async reads(place, words) {
    let text;
    await until(async () => words.test((text = await this.page.locator(place).innerText())),
      () => `${place} should say ${words}; it says "${text}"`);
  }

  /* ---- what a person does not see ---- */

  /** The REGISTERs since the last call. */
  registers() {
    return this.sip.splice(0).filter(({ way, text }) => way === 'sent' && text.startsWith('REGISTER ')).map(({ text }) => text);
  }

  /** What the console complained of since the last call: nothing, or each of it `expected`. */
  console(...expected) {
    const found = this.#errors.splice(0);
    assert.deepEqual(found.filter((text) => !expected.some((e) => e.test(text))), [], 'unexpected in the console');
    for (const e of expected) assert.ok(found.some((text) => e.test(text)), `the console should have ${e}: ${found}`);
  }

  /** A picture that stays with the run. */
  async picture(name) {
    const file = `${String(++this.#shots).padStart(2, '0')}-${name}.png`;
    await this.page.screenshot({ path: join(this.work, file), fullPage: true });
  }

  /**
   * What axe-core finds wrong, and whether all fits on a phone; a picture there, in the dark, and
   * one as picture() makes.
   */
  async accessible(name) {
    for (const [colorScheme, width, suffix] of [['dark', 320, '-phone'], ['light', 1200, '']]) {
      await this.page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
      await this.page.setViewportSize({ width, height: 900 });
      await this.picture(name + suffix);
      if (!(await this.page.evaluate(() => !!window.axe))) await this.page.evaluate(this.axe);
      const found = await this.page.evaluate(async () => ({
        wrong: (await window.axe.run()).violations.flatMap((v) => v.nodes.map((n) => `${v.id}: ${n.target} ${n.failureSummary}`)),
        over: document.documentElement.scrollWidth - document.documentElement.clientWidth,
      }));
      assert.deepEqual(found, { wrong: [], over: 0 }, `${colorScheme}, ${width} px`);
    }
  }
}
