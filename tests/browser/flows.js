// What is shown, one function each. `v` is the visitor in front of the page, `rig` what
// `imsrig up` started. Each but the last begins and ends with nobody registered.
import assert from 'node:assert/strict';
import { until } from './until.js';

const DOMAIN = 'ims.example.org';
const IMPI = `alice-impi@${DOMAIN}`;
const NOBODY = { hss: 'not-registered', scscf: 0, edge: 0 };
const REGISTERED = { hss: 'registered', scscf: 1, edge: 1 };

const bearer = (register) => /^Authorization: Bearer (\S+)/m.exec(register)?.[1];
const digest = (register) => /^Authorization: Digest (.*)/m.exec(register)?.[1] ?? '';

async function holds(rig, wanted, user = 'alice') {
  let found;
  await until(async () => JSON.stringify((found = await rig.holds(user))) === JSON.stringify(wanted),
    () => `the network should hold ${JSON.stringify(wanted)}, it holds ${JSON.stringify(found)}`);
}

async function byPassword(v, rig, password = rig.imsPassword(IMPI)) {
  await v.press('Clear');
  await v.by('digest');
  await v.fill('Look up the identities of a user', 'alice');
  await v.press('Look up');
  await v.sees({ what: /told the identities of alice/ });
  await v.fill('IMS password', password);
  await v.press('Register');
}

async function byToken(v) {
  await v.press('Clear');
  await v.by('token');
  await v.press('Register');
}

async function deregister(v, rig, user) {
  await v.press('Deregister');
  await v.sees({ what: /^Deregistered\.$/, connection: 'closed', registration: 'none' });
  await holds(rig, NOBODY, user);
}

/** Some text of the "try out" part is there for one flow only. */
async function otherToken(v, text) {
  await v.unfold();
  await v.fill('Register with this token instead', text);
}

/* ---- by IMS password ---- */

export async function registersByDigest(v, rig) {
  await v.sees({ what: /^Not registered\.$/, connection: 'closed', registration: 'none' });
  await v.accessible('opened');
  v.registers();
  await byPassword(v, rig);
  await v.sees({ what: /^Registered\.$/, why: /sip:alice@ims.example.org, by digest, for 600 s/, connection: 'open', registration: 'registered' });
  await v.reads('#associated', /sip:alice@ims\.example\.org\s+tel:\+15550100/);
  await v.reads('#left', /^(10 min 00|9 min \d\d) s$/);
  await holds(rig, REGISTERED);
  const [first, second, ...more] = v.registers();
  assert.equal(more.length, 0);
  assert.match(first, /^User-Agent: .*JsSIP/m);
  assert.match(digest(first), new RegExp(`username="${IMPI}".*nonce="".*response=""`));
  assert.match(digest(second), new RegExp(`algorithm=MD5, username="${IMPI}".*response="[0-9a-f]{32}"`));
  await v.accessible('registered-by-digest');

  const before = await rig.counter('scscf', 'imsrig_scscf_refreshes_total');
  await v.press('Refresh');
  await v.sees({ what: /^Refreshed\.$/, registration: 'registered' });
  await v.picture('refreshed-by-digest');
  assert.equal(await rig.counter('scscf', 'imsrig_scscf_refreshes_total'), before + 1);
  assert.ok(v.registers().length > 0);
  await holds(rig, REGISTERED);
  await deregister(v, rig);
  await v.picture('deregistered');
  assert.match(v.registers().at(-1), /^Expires: 0|;expires=0/m);
}

/* ---- by token of the WWSF ---- */

export async function registersByToken(v, rig) {
  await v.signIn('alice', 'not-her-password');
  await v.reads('#signin-say', /User name or password is wrong/);
  await v.picture('web-password-wrong');
  v.console(/status of 401/);
  await v.signIn('alice', rig.webPassword('alice'));
  await v.reads('#signed-in', /Signed in as alice/);
  await v.reads('#token', /^held, ends in/);
  assert.equal(await v.read('Private identity (IMPI)'), IMPI);
  await v.picture('signed-in');
  await refreshesWithNewToken(v, rig);
}

/** The page renews registration and token by itself; the interval is JsSIP's shortest. */
async function refreshesWithNewToken(v, rig) {
  await v.askFor(10);
  v.registers();
  await byToken(v);
  await v.sees({ what: /^Registered\.$/, why: /by token, for 10 s/, connection: 'open', registration: 'registered' });
  await holds(rig, REGISTERED);
  assert.ok(v.sip.every(({ text }) => !/^SIP\/2.0 401/.test(text)), 'a token needs no challenge');
  const [first] = v.registers();
  assert.match(bearer(first), /^[\w-]+\.[\w-]+\.[\w-]+$/);
  assert.match(digest(first), new RegExp(`username="${IMPI}".*response=""`));
  await v.accessible('registered-by-token');

  await v.sees({ what: /^Refreshed\.$/, why: /by token, for 10 s/, registration: 'registered' });
  const again = bearer(v.registers().at(-1));
  assert.ok(again && again !== bearer(first), 'a new token came with the refresh');
  await v.picture('refreshed-by-token');
  await holds(rig, REGISTERED);
  await deregister(v, rig);
  await v.askFor(600);
}

export async function refusesForgedToken(v, rig) {
  await v.unfold();
  await v.press('Take mine with a spoilt signature');
  await v.sees({ what: /spoilt signature is in its field/ });
  await byToken(v);
  await v.sees({ what: /^The token was refused \(invalid_token/, why: /expired, forged, or .*somebody else/, registration: 'refused' });
  await v.picture('token-forged');
  await holds(rig, NOBODY);
  await otherToken(v, '');
}

/** The elements' clocks go ahead of the browser's, so that its page can't know in advance. */
export async function refusesExpiredToken(v, rig) {
  await rig.advance(700);
  v.registers();
  await byToken(v);
  await v.sees({ what: /^Registered\.$/, registration: 'registered' });
  await v.reads('#log', /token refused, the WWSF is asked for a new one/);
  const [expired, renewed] = v.registers().map(bearer);
  assert.ok(expired && renewed && renewed !== expired, 'the second try has a new token');
  await v.picture('token-expired-and-renewed');
  await deregister(v, rig);

  await otherToken(v, expired);
  await byToken(v);
  await v.sees({ what: /^The token was refused \(invalid_token/, why: /expired/, registration: 'refused' });
  await v.picture('token-expired');
  await holds(rig, NOBODY);
  await otherToken(v, '');
}

export async function signsOut(v) {
  await v.press('Sign out');
  await v.reads('#signin-say', /Signed out/);
  await byToken(v);
  await v.sees({ what: /There is no token/, why: /Sign in first/, registration: 'none' });
  await v.picture('signed-out');
  v.console(/status of 401/);
}

/* ---- refusals of digest ---- */

export async function refusesPassword(v, rig) {
  await byPassword(v, rig, 'not-her-password');
  await v.sees({ what: /^The password was not accepted\.$/, why: /401/, connection: 'closed', registration: 'refused' });
  await v.accessible('password-wrong');
  await holds(rig, NOBODY);
}

async function byPasswordOf(v, rig, user) {
  await v.press('Clear');
  await v.by('digest');
  await v.fill('Private identity (IMPI)', `${user}-impi@${DOMAIN}`);
  await v.fill('Public identity (IMPU)', `sip:${user}@${DOMAIN}`);
  await v.fill('IMS password', rig.imsPassword(`${user}-impi@${DOMAIN}`));
  await v.press('Register');
}

/** Heidi's subscription has SHA-256 alone. */
export async function showsUnknownAlgorithm(v, rig) {
  v.registers();
  await byPasswordOf(v, rig, 'heidi');
  await v.sees({ what: /the challenge asks for SHA-256/, why: /JsSIP.* knows the digest algorithm MD5 alone.*No answer was sent/, connection: 'closed', registration: 'refused' });
  await v.picture('sha-256-only');
  assert.equal(v.registers().length, 1, 'no answer was sent');
  await holds(rig, NOBODY, 'heidi');
}

/** Frank's has MD5 behind SHA-256: JsSIP passes over what it does not know. */
export async function passesOverUnknownAlgorithm(v, rig) {
  await byPasswordOf(v, rig, 'frank');
  await v.sees({ what: /^Registered\.$/, why: /sip:frank@ims.example.org, by digest/, registration: 'registered' });
  const challenge = v.sip.findLast(({ text }) => /^SIP\/2.0 401/.test(text)).text;
  assert.deepEqual([...challenge.matchAll(/^WWW-Authenticate: .*algorithm=([\w-]+)/gm)].map((m) => m[1]), ['SHA-256', 'MD5']);
  assert.match(digest(v.registers().at(-1)), /algorithm=MD5/);
  await holds(rig, REGISTERED, 'frank');
  await deregister(v, rig, 'frank');
}

/* ---- the edge goes away ---- */

export async function losesAndRegainsConnection(v, rig) {
  await byPassword(v, rig);
  await v.sees({ what: /^Registered\.$/, registration: 'registered' });
  await rig.stop('epcscf');
  await v.sees({ what: /connection is lost/, why: /Trying again/, connection: 'lost', registration: 'waiting' });
  await v.accessible('connection-lost');
  await v.sees({ what: /^The connection is lost\.$/, why: /does not answer/, connection: 'lost' });
  await rig.start('epcscf');
  await v.sees({ what: /^(Registered|Refreshed)\.$/, connection: 'open', registration: 'registered' });
  await v.picture('connection-regained');
  await holds(rig, REGISTERED);
  v.console(/WebSocket connection to .* failed/);
}

/** Still registered, and the edge goes away for good. */
export async function givesUpOnConnection(v, rig) {
  await rig.stop('epcscf');
  await v.sees({ what: /connection is lost/, connection: 'lost' });
  await v.press('Give up');
  await v.sees({ what: /^Given up\.$/, connection: 'closed', registration: 'none' });
  await v.picture('given-up');
  await v.press('Register');
  await v.sees({ what: /^No connection to the edge\.$/, why: /not running/, connection: 'closed', registration: 'refused' });
  await v.accessible('no-edge');
  v.console(/WebSocket connection to .* failed/);
}

/* ---- sign-in at the WAF ---- */

export async function signsInAtWaf(v, rig) {
  const went = [];
  v.page.on('request', (request) => request.isNavigationRequest() && went.push(new URL(request.url())));
  await v.page.getByRole('link', { name: 'Sign in at the WAF' }).click();
  await v.page.waitForURL(/\/authorize\?/);
  await v.accessible('waf');
  await v.fill('User name', 'alice');
  await v.fill('Password', 'not-her-password');
  await v.press('Sign in');
  await v.reads('[role=alert]', /./);
  await v.accessible('waf-password-wrong');
  v.console(/status of 403/);
  await v.fill('User name', 'alice');
  await v.fill('Password', rig.webPassword('alice'));
  await v.press('Sign in');
  await v.reads('#signed-in', /Signed in as alice/);
  await v.picture('waf-signed-in');
  const asked = went.find((url) => url.pathname === '/authorize').searchParams;
  const back = went.find((url) => url.pathname === '/callback').searchParams;
  assert.equal(asked.get('response_type'), 'code');
  assert.equal(asked.get('code_challenge_method'), 'S256');
  assert.match(asked.get('code_challenge'), /^[\w-]{43}$/);
  assert.ok(back.get('code') && back.get('state') === asked.get('state'));
}

export async function registersByWafToken(v, rig) {
  await refreshesWithNewToken(v, rig);
}

export async function cancelsAtWaf(v) {
  await v.press('Sign out');
  await v.page.getByRole('link', { name: 'Sign in at the WAF' }).click();
  await v.press('Cancel');
  await v.reads('[role=alert]', /refused or cancelled at the WAF/);
  await v.accessible('waf-cancelled');
  v.console(/status of 403/);
}
