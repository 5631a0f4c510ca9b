// A rig as `imsrig up` starts it, and the admin sockets of its elements.
import { spawn, execFileSync } from 'node:child_process';
import { mkdirSync, openSync, readFileSync } from 'node:fs';
import net from 'node:net';
import { join } from 'node:path';
import { until } from './until.js';

const ELEMENTS = ['hss', 'scscf', 'scscf2', 'icscf', 'epcscf', 'waaf', 'wwsf'];
const DOMAIN = 'ims.example.org';

/** One line to an admin socket, its answer. */
function ask(path, command) {
  return new Promise((done, failed) => {
    let text = '';
    const socket = net.connect(path, () => socket.write(`${JSON.stringify(command)}\n`));
    socket.setEncoding('utf8').on('error', failed).on('close', () => failed(new Error(`${path}: no answer`)));
    socket.on('data', (more) => {
      text += more;
      if (!text.includes('\n')) return;
      socket.destroy();
      const answer = JSON.parse(text);
      if (answer.ok) done(answer);
      else failed(new Error(`${JSON.stringify(command)}: ${answer.why}`));
    });
  });
}

/** A program of ours, in `cwd`; it ends when this one does. `exit`: a promise of its exit code. */
function start(program, args, cwd, out, err) {
  const child = spawn(program, args, { cwd, stdio: ['ignore', openSync(out, 'a'), openSync(err, 'a')] });
  const end = () => child.kill('SIGINT');
  process.once('exit', end);
  const exit = new Promise((done) => child.once('exit', done)).finally(() => process.off('exit', end));
  return { exit, end, over: () => child.exitCode !== null };
}

export class Rig {
  #up;
  #again = new Map(); // elements that were started a second time, by us
  #ahead = 0; // s
  #dir;
  #work;

  /** `options` of `imsrig up`; everything it writes is below `work`. */
  static async up(work, options) {
    const rig = new Rig();
    mkdirSync(work);
    rig.#work = work;
    rig.#dir = join(work, 'runs/up');
    rig.#up = start('imsrig', ['up', ...options], work, join(work, 'up.txt'), join(work, 'up.err'));
    await until(() => rig.says.includes('Interrupt to stop') || rig.#up.over(), 'imsrig up does not say that it is up');
    if (rig.#up.over()) throw new Error(`imsrig up ended: ${rig.#complaints}`);
    return rig;
  }

  get #complaints() {
    return readFileSync(join(this.#work, 'up.err'), 'utf8');
  }

  /** What `imsrig up` printed. */
  get says() {
    return readFileSync(join(this.#work, 'up.txt'), 'utf8');
  }

  /** The first address that it tells to open. */
  get address() {
    return /Open in a browser:\s+(https:\S+)/.exec(this.says)[1];
  }

  /** The web password of a user, as it was printed. */
  webPassword(user) {
    return new RegExp(`^  ${user} +(\\S+)$`, 'm').exec(this.says)[1];
  }

  imsPassword(impi) {
    return new RegExp(` ${impi} +(\\S+)$`, 'm').exec(this.says)[1];
  }

  ask(element, cmd, args = {}) {
    return ask(join(this.#dir, `${element}.sock`), { cmd, ...args });
  }

  /** The clock of all elements, so long ahead. */
  async advance(seconds) {
    this.#ahead += seconds;
    await Promise.all(ELEMENTS.map((element) => this.#setClock(element)));
  }

  #setClock(element) {
    return this.ask(element, 'clock', { offset_ms: this.#ahead * 1000 });
  }

  /** What the HSS, the S-CSCF and the edge hold of a user. */
  async holds(user, impi = `${user}-impi@${DOMAIN}`) {
    const [hss, scscf, edge] = await Promise.all([
      this.ask('hss', 'state', { impi, impu: `sip:${user}@${DOMAIN}` }),
      this.ask('scscf', 'status'),
      this.ask('epcscf', 'state', { impi }),
    ]);
    return { hss: hss.state, scscf: scscf.idle.imsrig_scscf_bindings, edge: edge.bindings.length };
  }

  async counter(element, name) {
    return (await this.ask(element, 'status')).counters[name];
  }

  /** Asked to stop, as an operator would; `imsrig up` sees it die. */
  async stop(element) {
    await this.ask(element, 'stop');
    if (this.#again.has(element)) await this.#again.get(element).exit;
    else await until(() => this.#complaints.includes(`${element} has ended`), `${element} does not end`);
  }

  /** It comes back with the configuration that it had. */
  async start(element) {
    const log = join(this.#dir, `${element}.log`);
    this.#again.set(element, start(element, ['--config', `${element}.yaml`], this.#dir, log, log));
    await until(() => this.ask(element, 'status').then((status) => status.ready, () => false), `${element} does not come back`);
    await this.#setClock(element);
  }

  /** Ends all; `code` is what `imsrig up` must end with. */
  async down(code) {
    const all = [this.#up, ...this.#again.values()];
    for (const one of all) one.end();
    const [up, ...again] = await Promise.all(all.map(({ exit }) => exit));
    if (up !== code || again.some((c) => c !== 0)) throw new Error(`imsrig up ended with ${up}, not ${code}: see ${this.#work}`);
  }
}

/** The Chromium steps that `imsrig ca` prints, done as printed. */
export function trust() {
  const said = execFileSync('imsrig', ['ca'], { encoding: 'utf8' });
  const steps = /^Chromium and Chrome on Linux.*\n([^]*?) {2}Then start/m.exec(said)[1];
  execFileSync('sh', ['-ec', steps], { stdio: 'inherit' });
}
