// node main.js WORK PACKAGES CHROMIUM: the page of the WWSF in a real browser, against whole rigs.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { launch, packages } from './chromium.js';
import * as flows from './flows.js';
import { Rig, trust } from './rig.js';
import { Visitor } from './visitor.js';

const [work, packed, program] = process.argv.slice(2);
const home = join(work, 'home');
mkdirSync(home);
delete process.env.XDG_DATA_HOME;
process.env.HOME = home; // a lab authority, and trust in it, of this test alone

const { chromium, axe } = packages(packed);
let wrong = 0;

/** The flows in their order; one that fails ends this rig's. */
async function visit(browser, name, options, code, list) {
  const directory = join(work, name);
  const rig = await Rig.up(directory, options);
  const v = new Visitor(await browser.newPage(), directory, axe);
  try {
    await v.open(rig.address);
    v.console();
    for (const flow of list) {
      const since = Date.now();
      await flow(v, rig);
      v.console();
      console.log(`ok     ${name}: ${flow.name}  ${((Date.now() - since) / 1000).toFixed(1)} s`);
    }
  } catch (error) {
    wrong++;
    console.log(`WRONG  ${name}: ${error.stack}`);
    await v.picture('WRONG').catch(() => {});
  }
  await v.page.close();
  await rig.down(code).catch((error) => {
    wrong++;
    console.log(`WRONG  ${name}: ${error.message}`);
  });
}

trust();
const browser = await launch(chromium, program, work);
// JsSIP's shortest interval is 10 s. The last flow stops the edge, which `imsrig up` tells by its exit code.
const brief = ['--set', 'scscf.min-expires=10s', '--set', 'epcscf.tokens.min-expires=10s'];
await visit(browser, 'wwsf', brief, 3, [
  flows.registersByDigest, flows.registersByToken, flows.refusesForgedToken, flows.refusesExpiredToken,
  flows.signsOut, flows.refusesPassword, flows.showsUnknownAlgorithm, flows.passesOverUnknownAlgorithm,
  flows.losesAndRegainsConnection, flows.givesUpOnConnection]);
// An address that is no rig's, and most likely nobody's.
const elsewhere = `127.255.${process.pid >> 8 & 255}.${process.pid % 254 + 1}`;
await visit(browser, 'waf', ['--waf', '--listen', elsewhere, ...brief], 0, [
  flows.signsInAtWaf, flows.registersByWafToken, flows.cancelsAtWaf]);
await browser.close();
console.log(`${wrong ? 'wrong' : 'all as it should be'}; pictures are in ${work}/*/`);
process.exit(wrong ? 1 : 0);
