// Chromium as a person starts it the first time: a new profile, nothing clicked away.
import { createRequire } from 'node:module';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const ARGS = ['--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update',
  '--disable-sync', '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.*'];

/** The packages lie beside the build, where no import finds them. */
export function packages(directory) {
  const require = createRequire(join(directory, 'package.json'));
  return { chromium: require('playwright-core').chromium, axe: readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8') };
}

/** A browser that runs `program` in a new profile below `work`; HOME has the authorities it trusts. */
export async function launch(chromium, program, work) {
  const profile = join(work, 'profile');
  mkdirSync(profile);
  return chromium.launchPersistentContext(profile, {
    executablePath: program,
    headless: true,
    args: process.getuid() === 0 ? [...ARGS, '--no-sandbox'] : ARGS,
    viewport: { width: 1200, height: 900 },
    locale: 'en-GB',
    timeout: 30000,
  });
}
