// The log of SIP messages: readable, bounded, and without secrets.
import { readMessage, statusOf, valuesOf } from './sip.js';

const KEPT = 200;

// What must not be shown: [before it, the secret]. Digest answers count as secrets, since a
// password can be guessed from them.
const SECRETS = [
  /((?:^|\n)(?:proxy-)?authorization\s*:\s*bearer\s+)(?!access_token\s*=)([^\s,]+)/gi,
  /(access_token\s*=\s*")([^"]*)/gi,
  /(\b(?:response|rspauth|auts)\s*=\s*")([^"]+)/gi,
  /()(\beyJ[\w-]+\.[\w-]+\.[\w-]*)/g,
];

/** The text in pieces: [text, hidden?]. */
export function hideSecrets(text) {
  let marked = text;
  for (const secret of SECRETS)
    marked = marked.replace(secret, (_, before, hidden) => `${before}\u0001${hidden.length}\u0002`);
  return marked.split(/\u0001(\d+)\u0002/).map((piece, i) => (i % 2 ? [`hidden, ${piece} characters`, true] : [piece, false]));
}

/** "REGISTER sip:ims.example.org, Bearer" or "401 Unauthorized". */
function headline(message) {
  const status = statusOf(message);
  if (status) {
    const tone = status < 300 ? 'good' : status === 401 || status === 407 ? 'warn' : 'bad';
    return { text: message.line.replace('SIP/2.0 ', ''), tone: status < 200 ? '' : tone };
  }
  const schemes = valuesOf(message, 'authorization').map((value) => {
    const scheme = value.split(/\s/)[0];
    return scheme === 'Digest' && /response=""/.test(value) ? 'IMPI' : scheme;
  });
  const more = [...schemes];
  if (valuesOf(message, 'expires')[0] === '0') more.unshift('Expires 0');
  return { text: message.line.replace(' SIP/2.0', '') + (more.length ? ` (${more.join(', ')})` : ''), tone: '' };
}

function timeNow() {
  const now = new Date();
  const time = document.createElement('time');
  time.dateTime = now.toISOString();
  time.textContent = now.toTimeString().slice(0, 8) + '.' + String(now.getMilliseconds()).padStart(3, '0');
  return time;
}

function span(name, text, tone) {
  const element = document.createElement('span');
  element.className = name;
  element.textContent = text;
  if (tone) element.dataset.tone = tone;
  return element;
}

export class MessageLog {
  #list;
  #empty;

  constructor(list, empty) {
    this.#list = list;
    this.#empty = empty;
  }

  #add(content) {
    const item = document.createElement('li');
    item.append(content);
    this.#list.prepend(item);
    while (this.#list.children.length > KEPT) this.#list.lastElementChild.remove();
    this.#empty.hidden = true;
  }

  /** `way`: "sent" or "received". */
  message(way, text) {
    const { text: what, tone } = headline(readMessage(text));
    const details = document.createElement('details');
    const summary = document.createElement('summary');
    const pre = document.createElement('pre');
    summary.append(timeNow(), span('way', way === 'sent' ? '→ sent' : '← received'), span('what', what, tone));
    for (const [piece, hidden] of hideSecrets(text.trimEnd())) {
      if (!hidden) {
        pre.append(piece);
        continue;
      }
      const mark = document.createElement('mark');
      mark.textContent = piece;
      pre.append(mark);
    }
    details.append(summary, pre);
    this.#add(details);
  }

  /** What happened to the connection. */
  event(text, tone) {
    const line = document.createElement('div');
    line.className = 'event';
    line.append(timeNow(), span('way', 'WebSocket'), span('what', text, tone));
    this.#add(line);
  }

  clear() {
    this.#list.replaceChildren();
    this.#empty.hidden = false;
  }
}
