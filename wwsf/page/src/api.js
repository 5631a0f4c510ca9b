// The WWSF's HTTP API. The CSRF token of the session is kept here and nowhere else.

let csrf = '';

/** An answer that is not 2xx; status 0: none came. */
export class Refused extends Error {
  constructor(status, body = {}, retryAfter = '') {
    super(`the WWSF answered ${status}`);
    Object.assign(this, { status, body, retryAfter });
  }
}

async function call(method, path, body) {
  const headers = {};
  if (body !== undefined) headers['Content-Type'] = 'application/json';
  if (method === 'POST' && csrf) headers['X-CSRF-Token'] = csrf;
  let answer;
  try {
    answer = await fetch(path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body),
      credentials: 'same-origin', cache: 'no-store' });
  } catch {
    throw new Refused(0);
  }
  const content = answer.status === 204 ? {} : await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Refused(answer.status, content ?? {}, answer.headers.get('Retry-After') ?? '');
  if (typeof content.csrf === 'string') csrf = content.csrf;
  return content;
}

/** {domain, edge, issuer: self|waf|none, grant, session: is one live, anonymous: are they let in}; a WWSF without tokens has no such thing. */
export async function config() {
  try {
    return await call('GET', '/config');
  } catch (refused) {
    if (refused.status === 404) return { issuer: 'none' };
    throw refused;
  }
}

/** {impi, impu, domain, edge} of a user. */
export const identities = (user) => call('GET', `/identities?user=${encodeURIComponent(user)}`);
/** All three: {user, anonymous, impi, impu, token, expires_in, domain, edge}. */
export const login = (user, password) => call('POST', '/login', { user, password });
export const anonymous = () => call('POST', '/anonymous', {});
export const newToken = () => call('POST', '/token', {});

/** {user, anonymous, impi, impu, domain, edge}, or null when nobody is signed in. */
export async function session() {
  try {
    return await call('GET', '/session');
  } catch (refused) {
    if (refused.status === 401 || refused.status === 404) return null;
    throw refused;
  }
}

export async function logout() {
  try {
    await call('POST', '/logout', {});
  } finally {
    csrf = '';
  }
}
