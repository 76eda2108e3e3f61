import { createServer as createTcpServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import type { Certificate } from './certificates.ts';
import { type Listening, listen } from './listen.ts';

/** What a test's server does with one connection, step by step. */
export type Script = (peer: Peer) => Promise<void> | void;

export interface RawServer extends Listening {
  /** Connections accepted so far, oldest first. */
  readonly peers: readonly Peer[];
}

export interface RawServerOptions {
  readonly host?: string;
  readonly port?: number;
  readonly certificate?: Certificate;
  /** What it chooses from by ALPN. Without it, it knows no ALPN. */
  readonly protocols?: string[];
}

/** Answers every request with its head. */
export const answerAll: Script = async (peer) => {
  for (;;) {
    const { head } = await peer.request();
    await peer.answer(head);
  }
};

/** Starts a server that speaks no protocol but what `script` says. It is closed when the test has finished. */
export async function startRawServer(script: Script, options: RawServerOptions = {}): Promise<RawServer> {
  const peers: Peer[] = [];
  const accept = (socket: Socket): void => {
    const peer = new Peer(socket);
    peers.push(peer);
    // A connection that ends in the middle of a script ends the script.
    Promise.resolve(script(peer)).catch((error: unknown) => {
      if (error !== peerLeft) throw error;
    });
  };
  const { certificate, protocols } = options;
  const alpn = protocols === undefined ? {} : { ALPNProtocols: protocols };
  const server: Server =
    certificate === undefined
      ? createTcpServer({ noDelay: true, allowHalfOpen: true }, accept)
      : createTlsServer({ key: certificate.key, cert: certificate.cert, allowHalfOpen: true, ...alpn }, accept);
  server.on('tlsClientError', () => {});
  return { ...(await listen(server, options)), peers };
}

/** The server's end of one connection. */
export class Peer {
  readonly socket: Socket;
  /** Resolves when the client has ended its side, or the connection is gone. */
  readonly left: Promise<void>;
  #received: Buffer = Buffer.alloc(0);
  #gone = false;
  #wake: () => void = () => {};

  constructor(socket: Socket) {
    this.socket = socket;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.left = promise;
    const leave = (): void => {
      this.#gone = true;
      resolve();
      this.#wake();
    };
    socket.on('error', () => {});
    socket.on('data', (bytes: Buffer) => {
      this.#received = Buffer.concat([this.#received, bytes]);
      this.#wake();
    });
    socket.once('end', leave);
    socket.once('close', leave);
  }

  /** The next request's head, as it came. The script ends where the client leaves instead. */
  async head(): Promise<string> {
    for (;;) {
      const end = this.#received.indexOf('\r\n\r\n');
      if (end !== -1) return this.#take(end + 4).toString('latin1');
      await this.#more();
    }
  }

  /** The next bytes, exactly so many. */
  async bytes(byteLength: number): Promise<Buffer> {
    while (this.#received.length < byteLength) await this.#more();
    return this.#take(byteLength);
  }

  /** The next request, whole. */
  async request(): Promise<{ readonly head: string; readonly body: Buffer }> {
    const head = await this.head();
    const length = /^content-length: (\d+)/im.exec(head)?.[1] ?? '0';
    return { head, body: await this.bytes(Number(length)) };
  }

  /** Resolves when the kernel has taken it. */
  send(data: string | Uint8Array): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.socket.write(typeof data === 'string' ? Buffer.from(data, 'latin1') : data, () => resolve());
    return promise;
  }

  /** Answers 200 with this body. */
  answer(body: string | Uint8Array = ''): Promise<void> {
    this.socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n`);
    return this.send(body);
  }

  #take(byteLength: number): Buffer {
    const taken = this.#received.subarray(0, byteLength);
    this.#received = this.#received.subarray(byteLength);
    return taken;
  }

  async #more(): Promise<void> {
    if (this.#gone) throw peerLeft;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wake = resolve;
    await promise;
  }
}

const peerLeft = new Error('the client has left');
