import { isIP, type OnReadOpts } from 'node:net';
import {
  type ConnectionOptions,
  checkServerIdentity,
  connect,
  createSecureContext,
  type SecureContext,
  type TLSSocket,
} from 'node:tls';
import { WireError } from './errors.ts';
import { usualTrust } from './trust.ts';

/** TLS as one client speaks it: whom it trusts. Nothing turns verification off. */
export class TlsTrust {
  readonly #ca: string | undefined;
  #context: SecureContext | undefined;

  constructor(ca: string | undefined) {
    this.#ca = ca;
  }

  /** Made once, at the first use: reading some hundred certificates takes tens of milliseconds. */
  get context(): SecureContext {
    this.#context ??= createSecureContext({ ca: this.#ca ?? usualTrust() });
    return this.#context;
  }
}

/** One host that is spoken to over TLS, under the name that its certificate must bear. Sessions are resumed per peer. */
export class TlsPeer {
  readonly #trust: TlsTrust;
  readonly #host: string;
  #session: Buffer | undefined;

  constructor(trust: TlsTrust, host: string) {
    this.#trust = trust;
    this.#host = host;
  }

  /** Connects for HTTP/1.1. */
  connect(address: string, port: number, onread: OnReadOpts): TLSSocket {
    // `onread` reaches the socket's constructor (nodejs.org/api/tls.html, tls.connect), but @types/node does not list it.
    const reading: ConnectionOptions & { onread: OnReadOpts } = { onread, ALPNProtocols: ['http/1.1'] };
    return this.#open(address, port, reading);
  }

  /** Connects for whatever the server chooses, which `alpnProtocol` then says. */
  negotiate(address: string, port: number): TLSSocket {
    return this.#open(address, port, { ALPNProtocols: ['h2', 'http/1.1'] });
  }

  #open(address: string, port: number, how: ConnectionOptions): TLSSocket {
    const options: ConnectionOptions = {
      ...how,
      host: address,
      port,
      secureContext: this.#trust.context,
      rejectUnauthorized: true,
      checkServerIdentity: (_name, certificate) => checkServerIdentity(this.#host, certificate),
    };
    // An address is no name to ask for (RFC 6066, section 3); the certificate must bear it all the same.
    if (isIP(this.#host) === 0) options.servername = this.#host;
    if (this.#session !== undefined) options.session = this.#session;
    const socket = connect(options);
    // Node tells of a session only once the certificate has been verified.
    socket.on('session', (session) => {
      this.#session = session;
    });
    return socket;
  }

  /** What TLS found wrong, where it was TLS; undefined for a failure of the network. */
  explain(error: Error | undefined): WireError | undefined {
    if (error === undefined) return undefined;
    const { code, syscall } = error as NodeJS.ErrnoException;
    if (code === undefined || (syscall !== undefined && code !== 'EPROTO') || code === 'ECONNRESET') return undefined;
    if (endedSocket.test(code)) return undefined;
    // A ticket may be what the peer stumbled over.
    this.#session = undefined;
    if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') {
      const reason = `the certificate that answered is not for ${this.#host}: ${error.message}`;
      return new WireError('TLS', `${reason}. Use the host name that the certificate bears`, { cause: error });
    }
    if (code.startsWith('ERR_') || code === 'EPROTO') {
      const plain = code === 'ERR_SSL_WRONG_VERSION_NUMBER' || code === 'ERR_SSL_PACKET_LENGTH_TOO_LONG';
      const hint = plain ? '. The server seems not to speak TLS on this port' : '';
      return new WireError('TLS', `TLS with ${this.#host} failed: ${error.message}${hint}`, { cause: error });
    }
    if (code === 'CERT_HAS_EXPIRED' || code === 'CERT_NOT_YET_VALID') {
      const reason = `the certificate of ${this.#host} is not valid now: ${error.message} (${code})`;
      return new WireError('TLS', `${reason}. Renew it, or check this machine's clock`, { cause: error });
    }
    const reason = `the certificate of ${this.#host} is not trusted: ${error.message} (${code})`;
    const wayOut = 'Where it is meant to be trusted, give the PEM of its authority by the `ca` option (AWS_CA_BUNDLE)';
    return new WireError('TLS', `${reason}. ${wayOut}`, { cause: error });
  }
}

/** What Node says, without a system call, to whoever still writes to a socket that has ended. */
const endedSocket = /^(?:EPIPE|ERR_STREAM_|ERR_SOCKET_)/;
