// SIP text, as far as the page reads it itself: the log, the granted interval, challenges.

/** {line, fields: [[name, value]], body} of a SIP message; folded lines are joined. */
export function readMessage(text) {
  const end = text.indexOf('\r\n\r\n');
  const [line, ...rest] = text.slice(0, end < 0 ? text.length : end).replace(/\r\n[ \t]+/g, ' ').split('\r\n');
  const fields = rest.map((field) => {
    const colon = field.indexOf(':');
    return [field.slice(0, colon).trim().toLowerCase(), field.slice(colon + 1).trim()];
  });
  return { line, fields, body: end < 0 ? '' : text.slice(end + 4) };
}

export function valuesOf(message, name) {
  return message.fields.filter(([n]) => n === name).map(([, value]) => value);
}

/** Status of a response, 0 for a request. */
export function statusOf(message) {
  const found = /^SIP\/2\.0 (\d{3})/.exec(message.line);
  return found ? Number(found[1]) : 0;
}

/** Splits at commas that stand neither in quotes nor in angle brackets. */
export function splitList(value) {
  const parts = [];
  let start = 0, quoted = false, deep = 0;
  for (let i = 0; i < value.length; i++) {
    const c = value[i];
    if (quoted) {
      if (c === '\\') i++;
      else if (c === '"') quoted = false;
    } else if (c === '"') quoted = true;
    else if (c === '<') deep++;
    else if (c === '>') deep--;
    else if (c === ',' && deep === 0) {
      parts.push(value.slice(start, i).trim());
      start = i + 1;
    }
  }
  parts.push(value.slice(start).trim());
  return parts.filter((part) => part);
}

/** Seconds that a 200 to REGISTER grants the contact of `instance`; 0: not registered. */
export function grantedTo(message, instance) {
  const own = valuesOf(message, 'contact').flatMap(splitList).find((c) => c.includes(instance));
  if (!own) return 0;
  const said = /;\s*expires\s*=\s*(\d+)/i.exec(own);
  return Number(said ? said[1] : valuesOf(message, 'expires')[0] ?? 0);
}

/** The URIs of P-Associated-URI. */
export function associatedOf(message) {
  return valuesOf(message, 'p-associated-uri').flatMap(splitList).map((uri) => /<([^>]*)>/.exec(uri)?.[1] ?? uri);
}

/** {scheme, realm, algorithm, error, ...} of one WWW-Authenticate value. */
export function readChallenge(value) {
  const challenge = { scheme: /^\s*(\S*)/.exec(value)[1] };
  const rest = value.replace(/^\s*\S+\s*/, '');
  for (const part of splitList(rest)) {
    const [, name, text] = /^([^=\s]+)\s*=\s*(.*)$/s.exec(part) ?? [];
    if (name) challenge[name.toLowerCase()] = text.replace(/^"(.*)"$/s, '$1').replace(/\\(.)/gs, '$1');
  }
  return challenge;
}
