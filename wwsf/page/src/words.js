// Why something was refused, in words: {what, why} for the status.
import { readChallenge } from './sip.js';

const LIBRARY = 'JsSIP, the SIP library of this page,';

function challengesOf(response) {
  return response.getHeaders('www-authenticate').map(readChallenge);
}

/** Of several WWW-Authenticate fields JsSIP keeps the last, so that MD5 behind SHA-256 is found. */
function digestRefusal(challenges) {
  const digest = challenges.find((c) => c.scheme.toLowerCase() === 'digest');
  const algorithm = digest && (digest.algorithm ?? 'MD5');
  if (algorithm && algorithm !== 'MD5') {
    return {
      what: `Refused by this client: the challenge asks for ${algorithm}.`,
      why: `${LIBRARY} knows the digest algorithm MD5 alone. No answer was sent. A token registers without digest.`,
    };
  }
  if (digest) return { what: 'The password was not accepted.', why: 'The network asked for it a second time (401).' };
  return { what: 'The challenge could not be read.', why: 'The 401 names no scheme that this page knows.' };
}

function tokenRefusal(challenges) {
  const bearer = challenges.find((c) => c.scheme.toLowerCase() === 'bearer');
  if (!bearer) return { what: 'The edge does not take tokens here.', why: 'It asked for a digest answer (401).' };
  const said = [bearer.error ?? '401', bearer.error_description].filter(Boolean).join(': ');
  if (bearer.error !== 'invalid_token') return { what: 'The edge asks for a token.', why: `It said: ${said}.` };
  return {
    what: `The token was refused (${said}).`,
    why: 'It is expired, forged, or was made for somebody else; the edge does not tell a client which.',
  };
}

const STATUS = {
  403: 'The network does not let these identities in with this proof.',
  404: 'The network does not know this identity.',
  408: 'The network did not get an answer in time.',
  423: 'The interval that was asked for is too short.',
  480: 'A part of the network is away at the moment.',
  500: 'A part of the network failed.',
  503: 'The network is busy, or a part of it is away.',
  504: 'A part of the network did not answer.',
  600: 'No registrar can serve this user.',
};

/** Why a registration failed: JsSIP’s response (or null) and cause; `how`: token, digest. */
export function refusalOf({ response, cause }, how) {
  if (!response) {
    return cause === 'Request Timeout'
      ? { what: 'No answer came.', why: 'The edge took the request and said nothing.' }
      : { what: 'The connection ended before the answer came.', why: '' };
  }
  const status = response.status_code;
  if (status === 401) {
    const challenges = challengesOf(response);
    const bearer = challenges.some((c) => c.scheme.toLowerCase() === 'bearer');
    if (how === 'digest' && bearer)
      return { what: 'The edge takes tokens only.', why: 'Sign in, and register by token.' };
    return how === 'digest' ? digestRefusal(challenges) : tokenRefusal(challenges);
  }
  const wait = response.getHeader('retry-after');
  const error = challengesOf(response).find((c) => c.error)?.error;
  return {
    what: `Refused: ${status} ${response.reason_phrase}${error ? ` (${error})` : ''}.`,
    why: [STATUS[status] ?? '', wait ? `Try again in ${parseInt(wait, 10)} s.` : ''].filter(Boolean).join(' '),
  };
}

/** May a new token help? */
export function tokenIsStale({ response }) {
  return response?.status_code === 401 &&
    challengesOf(response).some((c) => c.scheme.toLowerCase() === 'bearer' && c.error === 'invalid_token');
}

/** The WebSocket that did not open, or closed. */
export function closeWords({ code, reason }, opened, edge) {
  const https = edge.replace(/^wss:/, 'https:').replace(/\/[^/]*$/, '/');
  if (!opened) {
    return {
      what: 'No connection to the edge.',
      why: `${edge} did not let this page in: it is not running, or does not know this page’s origin, or the browser does not ` +
        `trust its certificate. Open ${https} once and accept it (a 404 is all that it shows), or trust the lab’s authority: ` +
        './imsrig ca says how.',
    };
  }
  if (!code || code === 1006) return { what: 'The connection is lost.', why: 'The edge does not answer.' };
  return { what: `The connection is lost: the edge closed it (${code}).`, why: reason ? `It said: ${reason}.` : '' };
}

const API = {
  invalid_credentials: 'User name or password is wrong.',
  no_identity: 'This user has no IMS identity here.',
  pool_empty: 'All identities that this site lends are in use.',
  sign_in_required: 'This site wants to know who you are: sign in.',
  no_session: 'The web session has ended: sign in again.',
  csrf: 'This page is out of date: load it again.',
  cross_site: 'The request seems to come from another site.',
  waf_refused: 'The operator’s authorisation function (WAF) refuses a token.',
};

/** Why the WWSF refused. */
export function apiWords({ status, body, retryAfter }) {
  if (status === 0) return 'The WWSF cannot be reached.';
  if (status === 429) return `Too many attempts: try again${retryAfter ? ` in ${retryAfter} s` : ' later'}.`;
  const word = typeof body.error === 'string' ? body.error : '';
  const said = API[word] ?? `The WWSF answered ${status}${word ? `: ${word}` : ''}.`;
  if (word === 'pool_empty' && retryAfter) return `${said} The next may be free in ${retryAfter} s.`;
  const more = [body.waf_error, body.reason, body.error_description].find((m) => typeof m === 'string');
  return more ? `${said} (${more})` : said;
}
