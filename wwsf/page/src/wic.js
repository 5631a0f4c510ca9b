// The WIC: an unmodified JsSIP, used through its public interface.
//
// Digest: the first REGISTER names the IMPI in an Authorization field without an answer,
// since the IMPU does not tell it; JsSIP puts its own in that field's place when challenged.
// Token: JsSIP has authorization_jwt, which is one Authorization field in every request. The
// IMPI needs a second one beside it, so both go as extra fields of REGISTER instead.
import JsSIP from 'jssip';
import { associatedOf, grantedTo, readMessage, statusOf, valuesOf } from './sip.js';

/** A WebSocket whose messages are shown to `tap` (way, text) as they pass. */
class TappedSocket extends JsSIP.WebSocketInterface {
  constructor(url, tap, after) {
    super(url);
    this.tap = tap;
    this.after = after;
  }

  send(message) {
    const text = message.toString();
    if (text.trim()) this.tap('sent', text);
    return super.send(message);
  }

  _onMessage(event) {
    const text = typeof event.data === 'string' ? event.data : new TextDecoder().decode(event.data);
    if (text.trim()) this.tap('received', text);
    super._onMessage(event);
    this.after(text);
  }
}

function quoted(text) {
  return `"${text.replace(/["\\]/g, '\\$&')}"`;
}

export class Wic {
  #on;
  #opened = false;
  #fields;
  #instance;
  #ua;

  /**
   * setup: {edge, domain, impi, impu, expires, instance} and password, or token and nameImpi.
   * on: connecting(), open(), closed({code, reason}, opened), registered({seconds, associated}),
   *     expiring(), failed({response, cause}), ended({response, cause}), message(way, text).
   */
  constructor(setup, on) {
    this.#on = on;
    this.#instance = setup.instance;
    const impi = `Digest username=${quoted(setup.impi)}, realm=${quoted(setup.domain)}, ` +
      `uri=${quoted(`sip:${setup.domain}`)}, nonce="", response=""`;
    this.#fields = (token) => {
      if (!token) return [`Authorization: ${impi}`];
      return setup.nameImpi ? [`Authorization: Bearer ${token}`, `Authorization: ${impi}`] : [`Authorization: Bearer ${token}`];
    };
    this.#ua = new JsSIP.UA({
      sockets: [new TappedSocket(setup.edge, on.message, (text) => this.#received(text))],
      uri: setup.impu,
      registrar_server: `sip:${setup.domain}`,
      authorization_user: setup.impi,
      password: setup.password || null,
      realm: setup.domain,
      register: true,
      register_expires: setup.expires,
      instance_id: setup.instance,
      session_timers: false,
      user_agent: 'imsrig WIC (JsSIP)',
    });
    this.#ua.registrator().setExtraHeaders(this.#fields(setup.token));
    this.#listen();
  }

  #listen() {
    const ua = this.#ua;
    ua.on('connecting', () => this.#on.connecting());
    ua.on('connected', () => {
      this.#opened = true;
      this.#on.open();
    });
    ua.on('disconnected', ({ code, reason }) => this.#on.closed({ code, reason }, this.#opened));
    ua.on('registrationFailed', (data) => this.#on.failed(data));
    ua.on('unregistered', (data) => this.#on.ended(data));
    ua.on('registrationExpiring', () => this.#on.expiring());
  }

  /** JsSIP says "registered" once; a refresh is seen by its 200. */
  #received(text) {
    const message = readMessage(text);
    if (statusOf(message) !== 200 || !/ REGISTER$/.test(valuesOf(message, 'cseq')[0] ?? '') || !this.#ua.isRegistered()) return;
    this.#on.registered({ seconds: grantedTo(message, this.#instance), associated: associatedOf(message) });
  }

  start() {
    this.#ua.start();
  }

  /** With another token from now on. */
  useToken(token) {
    this.#ua.registrator().setExtraHeaders(this.#fields(token));
  }

  /** Registers again, over the connection that is open. */
  refresh() {
    this.#ua.register();
  }

  deregister() {
    this.#ua.unregister();
  }

  /** Closes the connection, and a registration with it; nothing is told any more. */
  close() {
    this.#ua.removeAllListeners();
    this.#ua.stop();
  }
}
