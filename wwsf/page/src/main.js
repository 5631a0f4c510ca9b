// The page: joins the form, the WWSF's API and the WIC.
import * as api from './api.js';
import { MessageLog } from './log.js';
import * as view from './view.js';
import { Wic } from './wic.js';
import { apiWords, closeWords, refusalOf, tokenIsStale } from './words.js';

const { $ } = view;
const KEPT = 'imsrig.identities';
const LITTLE_MS = 120_000; // left of a token: time for a new one
const log = new MessageLog($('log'), $('log-empty'));

// place: what the WWSF said of edge and domain. token: {text, until} in ms, or null; own:
// it is the WWSF's and may be renewed. asked: what is being registered.
const state = { place: {}, user: '', token: null, wic: null, asked: null, renewed: false, granted: 0, until: 0, kind: 'none' };

function registration(kind) {
  state.kind = kind;
  view.registration(kind);
}

/* ---- web login ---- */

function learn(said) {
  state.place = { ...state.place, ...(said.domain && { domain: said.domain }), ...(said.edge && { edge: said.edge }) };
  view.place(state.place);
  if (said.token) state.token = { text: said.token, until: Date.now() + said.expires_in * 1000 };
  if (said.impi) {
    view.identities(said);
    keep({ impi: said.impi, impu: said.impu });
  }
}

/** Identities, no secrets, for the next visit (TS 23.228 U.2.1.2). */
function keep(identities) {
  try {
    localStorage.setItem(KEPT, JSON.stringify(identities));
  } catch { /* a browser that keeps nothing */ }
}

function signedIn(user, anonymous = false) {
  state.user = user;
  view.signedIn(user, anonymous);
  if (user && !anonymous) $('lookup-user').value = user;
}

/** Asks the WWSF to let somebody in; `button` waits for the answer. */
async function enter(button, asked) {
  view.signinSay('Signing in …');
  $(button).disabled = true;
  try {
    const said = await asked();
    learn(said);
    $('web-password').value = '';
    $('other-token').value = '';
    signedIn(said.user, said.anonymous);
    view.signinSay('');
    $('go').focus();
    return true;
  } catch (refused) {
    view.signinSay(apiWords(refused), 'bad');
    return false;
  } finally {
    $(button).disabled = false;
  }
}

async function signIn(event) {
  event.preventDefault();
  const asked = () => api.login($('user').value.trim(), $('web-password').value);
  if (!(await enter('signin-go', asked))) $('web-password').select();
}

const stayUnknown = () => enter('anonymous-go', api.anonymous);

async function signOut() {
  hangUp();
  registration('none');
  view.say('Not registered.', 'You signed out.');
  await api.logout().catch(() => {});
  state.token = null;
  signedIn('');
  view.signinSay('Signed out.');
}

/** A new token for the session, when there is one. */
async function renew() {
  learn(await api.newToken());
  return state.token.text;
}

/* ---- registration ---- */

/** The connection has no more use. JsSIP may be in the midst of telling us so: it goes on first. */
function hangUp() {
  const { wic } = state;
  if (wic) {
    log.event('closed by this page');
    setTimeout(() => wic.close());
  }
  state.wic = null;
  state.granted = 0;
  view.connection('closed');
}

function refuse({ what, why }) {
  registration('refused');
  view.say(what, why, 'bad');
  hangUp();
}

function onRegistered({ seconds, associated }) {
  const again = state.granted > 0;
  state.granted = seconds;
  state.until = Date.now() + seconds * 1000;
  state.renewed = false;
  registration('registered');
  view.associated(associated);
  view.say(again ? 'Refreshed.' : 'Registered.', `As ${state.asked.impu}, by ${state.asked.how === 'token' ? 'token' : 'digest'}, for ${seconds} s.`, 'good');
  tick();
}

/** An own token that the edge refuses may just be old: once, with a new one. */
async function onFailed(data) {
  const { asked, wic } = state;
  if (asked.how !== 'token' || asked.otherToken || state.renewed || !tokenIsStale(data)) {
    refuse(refusalOf(data, asked.how));
    return;
  }
  state.renewed = true;
  registration('under way');
  view.say('The token was refused: asking the WWSF for a new one.', refusalOf(data, asked.how).what, 'warn');
  log.event('token refused, the WWSF is asked for a new one', 'warn');
  try {
    const token = await renew();
    if (state.wic !== wic) return;
    wic.useToken(token);
    wic.refresh();
  } catch (refused) {
    if (state.wic === wic) refuse({ what: 'There is no new token.', why: apiWords(refused) });
  }
}

function onEnded({ cause, response }) {
  if (state.kind !== 'ending') return;
  registration('none');
  if (response && !cause) view.say('Deregistered.', '', 'idle');
  else view.say('Deregistered here; the network did not confirm it.', cause ?? '', 'warn');
  hangUp();
}

function onClosed(how, opened) {
  if (!state.wic) return;
  const words = closeWords(how, opened, state.asked.edge);
  log.event(opened ? `closed, ${how.code ?? 1006}${how.reason ? ` ${how.reason}` : ''}` : 'did not open', opened ? '' : 'bad');
  if (!opened || !state.granted) {
    refuse(words);
    return;
  }
  view.connection('lost');
  registration('waiting');
  view.say(words.what, `${words.why} Trying again …`.trim(), 'warn');
}

/** JsSIP's time for a refresh: a token that has little left is renewed first. */
async function onExpiring() {
  const { wic, asked } = state;
  if (asked.how === 'token' && !asked.otherToken) {
    const token = await renew().catch(() => null);
    if (token) wic.useToken(token);
  }
  if (state.wic === wic) wic.refresh();
}

function instance() {
  let id = sessionStorage.getItem('imsrig.instance');
  if (!id) sessionStorage.setItem('imsrig.instance', (id = crypto.randomUUID()));
  return id;
}

/** An edge takes no token that ends before the shortest registration would. */
async function tokenFor(asked) {
  if (asked.otherToken) return asked.otherToken;
  const left = state.token ? state.token.until - Date.now() : 0;
  if (left < LITTLE_MS) {
    await renew().catch((refused) => {
      if (left <= 0) throw refused;
    });
  }
  return state.token.text;
}

async function register(event) {
  event.preventDefault();
  const asked = { ...view.form(), ...state.place, instance: instance() };
  registration('under way');
  view.say('Registering …', '', 'busy');
  view.look();
  try {
    asked.token = asked.how === 'token' ? await tokenFor(asked) : '';
  } catch (refused) {
    registration('none');
    view.say('There is no token.', state.user ? apiWords(refused) : 'Sign in first, or register by an IMS password.', 'bad');
    return;
  }
  if (asked.how === 'token') asked.password = '';
  state.asked = asked;
  state.renewed = false;
  state.granted = 0;
  try {
    state.wic = new Wic(asked, {
      connecting: () => view.connection('connecting'),
      open: () => {
        view.connection('open');
        log.event(`open to ${asked.edge}`, 'good');
      },
      closed: onClosed,
      registered: onRegistered,
      expiring: onExpiring,
      failed: onFailed,
      ended: onEnded,
      message: (way, text) => log.message(way, text),
    });
  } catch (error) {
    registration('none');
    view.say('That cannot be registered.', error.message, 'bad');
    return;
  }
  asked.token = '';
  state.wic.start();
}

async function refresh() {
  const { wic, asked } = state;
  view.say('Refreshing …', '', 'busy');
  view.look();
  if (asked.how === 'token') {
    asked.otherToken = view.form().otherToken;
    const token = await tokenFor(asked).catch(() => null);
    if (token) wic.useToken(token);
  }
  if (state.wic === wic) wic.refresh();
}

function deregister() {
  view.look();
  if (state.kind === 'waiting') {
    hangUp();
    registration('none');
    view.say('Given up.', 'The network keeps the registration until it runs out.', 'warn');
    return;
  }
  registration('ending');
  view.say('Deregistering …', '', 'busy');
  state.wic.deregister();
}

/** The own token with one bit of its signature turned over: forged, as an edge sees it. */
async function spoil() {
  try {
    const text = await tokenFor({});
    const at = text.lastIndexOf('.') + 10;
    $('other-token').value = text.slice(0, at) + (text[at] === 'A' ? 'B' : 'A') + text.slice(at + 1);
    view.say('The token with a spoilt signature is in its field.', 'Register, and see it refused.');
  } catch {
    view.say('There is no token to spoil.', 'Sign in first.', 'warn');
  }
}

async function lookUp() {
  const user = $('lookup-user').value.trim();
  if (!user) return;
  try {
    learn(await api.identities(user));
    view.say(`The WWSF told the identities of ${user}.`);
    $('ims-password').focus();
  } catch (refused) {
    view.say(refused.status === 404 ? `No identities are known here for “${user}”.` : apiWords(refused), '', 'bad');
  }
}

function tick() {
  const now = Date.now();
  if (state.granted) view.left(Math.max(0, Math.round((state.until - now) / 1000)), state.granted);
  view.token(state.token && Math.round((state.token.until - now) / 1000));
}

/* ---- start ---- */

async function start() {
  try {
    const kept = JSON.parse(localStorage.getItem(KEPT));
    if (kept?.impi && Array.isArray(kept.impu)) view.identities(kept);
  } catch { /* what is kept is not ours */ }
  registration('none');
  try {
    const said = await api.config();
    view.ways(said);
    learn(said);
    const session = said.session ? await api.session() : null;
    if (session) learn(session);
    signedIn(session?.user ?? '', session?.anonymous);
  } catch (refused) {
    signedIn('');
    view.signinSay(apiWords(refused), 'bad');
  }
  view.how();
}

$('signin').addEventListener('submit', signIn);
$('anonymous-go').addEventListener('click', stayUnknown);
$('signout').addEventListener('click', signOut);
$('register').addEventListener('submit', register);
$('register').addEventListener('change', view.how);
$('refresh').addEventListener('click', refresh);
$('deregister').addEventListener('click', deregister);
$('spoil').addEventListener('click', spoil);
$('lookup-go').addEventListener('click', lookUp);
$('lookup-user').addEventListener('keydown', (event) => {
  if (event.key !== 'Enter') return;
  event.preventDefault();
  lookUp();
});
$('clear').addEventListener('click', () => log.clear());
setInterval(tick, 1000);
start().finally(() => (document.body.dataset.ready = 'yes'));
