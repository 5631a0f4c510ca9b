// What stands on the page: every change of it is made here.

const $ = (id) => document.getElementById(id);

/** Addresses in a text, to be opened beside the page. */
function linked(text) {
  return text.split(/(https:\/\/\S+)/).map((piece, i) => {
    if (i % 2 === 0) return piece;
    const link = document.createElement('a');
    Object.assign(link, { href: piece, textContent: piece, target: '_blank', rel: 'noopener' });
    return link;
  });
}

/** tone: idle, busy, good, warn, bad. */
export function say(what, why = '', tone = 'idle') {
  $('say-what').textContent = what;
  $('say-why').replaceChildren(...linked(why));
  $('say').dataset.tone = tone;
}

/** On a narrow screen the status lies below the button that was pressed. */
export const look = () => $('say').scrollIntoView({ block: 'nearest' });

function pill(id, text, tone) {
  $(id).textContent = text;
  $(id).dataset.tone = tone;
}

const CONNECTION = { closed: 'idle', connecting: 'warn', open: 'good', lost: 'bad' };
export const connection = (state) => pill('connection', state, CONNECTION[state]);

const REGISTRATION = { none: 'idle', 'under way': 'warn', registered: 'good', refused: 'bad', ending: 'warn', waiting: 'warn' };
export function registration(state) {
  pill('registration', state, REGISTRATION[state]);
  $('status').dataset.state = state;
  $('go').disabled = state !== 'none' && state !== 'refused';
  $('refresh').disabled = state !== 'registered';
  $('deregister').disabled = state !== 'registered' && state !== 'waiting';
  $('deregister').textContent = state === 'waiting' ? 'Give up' : 'Deregister';
  if (state !== 'registered') {
    associated([]);
    left(0, 0);
  }
}

function clockText(seconds) {
  const minutes = Math.floor(seconds / 60);
  return minutes ? `${minutes} min ${String(seconds % 60).padStart(2, '0')} s` : `${seconds} s`;
}

/** Seconds left of the `all` that were granted; all 0: not registered. */
export function left(seconds, all) {
  $('left').textContent = all ? clockText(seconds) : '–';
  $('left-bar').hidden = !all;
  $('left-bar').max = all || 1;
  $('left-bar').value = seconds;
}

function fill(list, texts, tag) {
  list.replaceChildren(...texts.map((text) => {
    const item = document.createElement(tag);
    if (tag === 'option') item.value = text;
    else item.textContent = text;
    return item;
  }));
}

export const associated = (uris) => fill($('associated'), uris.length ? uris : ['–'], 'li');

/** seconds: left of the token; null: there is none. */
export function token(seconds) {
  if (seconds === null) $('token').textContent = 'none';
  else $('token').textContent = seconds > 0 ? `held, ends in ${clockText(seconds)}` : 'held, has ended';
}

export function place({ domain, edge }) {
  if (domain) $('domain').textContent = domain;
  if (edge) $('edge').textContent = edge;
}

/** What the WWSF said of a user, into the form. */
export function identities({ impi, impu }) {
  $('impi').value = impi;
  $('impu').value = impu[0] ?? '';
  fill($('impus'), impu, 'option');
}

export function signedIn(user, anonymous = false) {
  const by = document.body.dataset;
  $('signed-in').hidden = !user;
  $('signed-out').hidden = !!user;
  $('who').textContent = anonymous ? 'somebody unknown' : user;
  $('signin-anonymous').hidden = by.anonymous !== 'yes';
  $('signin').hidden = by.grant === 'authorization_code' || by.issuer === 'none';
  $('signin-waf').hidden = by.grant !== 'authorization_code';
  $('signin-none').hidden = by.issuer !== 'none';
}

/** How a user may sign in here. */
export function ways({ issuer, grant, anonymous, lookup }) {
  document.body.dataset.lookup = lookup ? 'yes' : 'no';
  document.body.dataset.anonymous = anonymous ? 'yes' : 'no';
  document.body.dataset.issuer = issuer;
  document.body.dataset.grant = issuer === 'waf' ? grant ?? '' : '';
  if (issuer === 'none') {
    $('how-token').disabled = true;
    $('how-digest').checked = true;
  }
}

export const signinSay = (text, tone = '') => {
  $('signin-say').textContent = text;
  $('signin-say').dataset.tone = tone;
};

/** Shows what the way to register needs. */
export function how() {
  const digest = $('how-digest').checked;
  $('password-field').hidden = !digest;
  $('lookup').hidden = !digest || document.body.dataset.lookup !== 'yes';
  $('ims-password').required = digest;
  $('token-more').hidden = digest;
}

/** What the form says. */
export function form() {
  return {
    how: $('how-digest').checked ? 'digest' : 'token',
    impi: $('impi').value.trim(),
    impu: $('impu').value.trim(),
    password: $('ims-password').value,
    expires: Number($('expires').value),
    nameImpi: $('name-impi').checked,
    otherToken: $('other-token').value.trim(),
  };
}

export { $ };
