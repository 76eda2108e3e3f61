import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import {
  answerHead,
  checksum,
  HEAD_BYTES,
  listBody,
  MAX_VALUE_BYTES,
  type OperationName,
  operations,
  readRequestHead,
  requestIsWhole,
  type Status,
} from './protocol.ts';

export interface KvtcpServerOptions {
  /** Default: `127.0.0.1`. */
  readonly host?: string | undefined;
  /** Default: any that is free. */
  readonly port?: number | undefined;
  readonly namespaces: readonly string[];
  /** Further namespaces that give every request this answer, to try out what a client does; `errorAfterSuccess` does what was asked first. */
  readonly refusing?: Readonly<Record<string, 'denied' | 'slowDown' | 'unavailable' | 'errorAfterSuccess'>> | undefined;
}

export interface KvtcpServer {
  readonly host: string;
  readonly port: number;
  /** What it holds: values with the checksums that came with them, by namespace and key. */
  readonly namespaces: ReadonlyMap<string, Map<string, StoredValue>>;
  close(): Promise<void>;
}

export interface StoredValue {
  readonly bytes: Buffer;
  readonly crc32: number;
}

/** Starts a server of kvtcp that keeps its values in memory. */
export async function startKvtcpServer(options: KvtcpServerOptions): Promise<KvtcpServer> {
  const { host = '127.0.0.1', port = 0, refusing = {} } = options;
  const names = [...options.namespaces, ...Object.keys(refusing)];
  const namespaces = new Map(names.map((name) => [name, new Map<string, StoredValue>()]));
  const sockets = new Set<Socket>();
  const server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    // A client that goes away ends its own requests, and nothing else.
    serve(socket, namespaces, refusing).catch(() => socket.destroy());
  });
  server.listen(port, host);
  await once(server, 'listening');
  return {
    host,
    port: (server.address() as AddressInfo).port,
    namespaces,
    async close() {
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

interface Request {
  readonly operation: number;
  readonly namespace: string;
  /** Of a list, the prefix. */
  readonly key: string;
  readonly size: number;
  readonly body: Buffer;
  readonly bodyCrc: number;
}

interface Reply {
  readonly status: Status;
  readonly body?: Buffer | undefined;
  /** Default: that of the body. */
  readonly bodyCrc?: number | undefined;
}

async function serve(
  socket: Socket,
  namespaces: KvtcpServer['namespaces'],
  refusing: NonNullable<KvtcpServerOptions['refusing']>,
): Promise<void> {
  const reader = new Reader(socket);
  while (true) {
    const request = await readRequest(reader);
    if (request === 'ended') return;
    if (request === 'damaged') {
      // Where the next request begins is not known any more.
      socket.end(answerHead('damaged', 0, 0));
      await reader.skipRest();
      return;
    }
    const { status, body = Buffer.alloc(0), bodyCrc = checksum([body]) } = replyTo(request, namespaces, refusing);
    socket.write(answerHead(status, body.byteLength, bodyCrc));
    if (!socket.write(body)) await Promise.race([once(socket, 'drain'), once(socket, 'close')]);
  }
}

/** A request that is not whole is as good as none. */
async function readRequest(reader: Reader): Promise<Request | 'ended' | 'damaged'> {
  const head = await reader.take(HEAD_BYTES);
  if (head === undefined) return 'ended';
  const { operation, nameBytes, size, bodyCrc } = readRequestHead(head);
  const nameInBytes = await reader.take(nameBytes);
  if (nameInBytes === undefined) return 'ended';
  const hasBody = operation !== operations.get;
  if (!requestIsWhole(head, nameInBytes) || (hasBody && size > MAX_VALUE_BYTES)) return 'damaged';
  const body = await reader.take(hasBody ? size : 0);
  if (body === undefined) return 'ended';
  const name = nameInBytes.toString();
  const slash = Math.max(0, name.indexOf('/'));
  return { operation, namespace: name.slice(0, slash), key: name.slice(slash + 1), size, body, bodyCrc };
}

function replyTo(
  request: Request,
  namespaces: KvtcpServer['namespaces'],
  refusing: NonNullable<KvtcpServerOptions['refusing']>,
): Reply {
  const { operation, namespace, body, bodyCrc } = request;
  if (operation === operations.ping) return { status: 'ok' };
  if (operation !== operations.get && checksum([body]) !== bodyCrc) return { status: 'damaged' };
  const values = namespaces.get(namespace);
  if (values === undefined) return { status: 'noNamespace' };
  const refusal = refusing[namespace];
  if (refusal !== undefined && refusal !== 'errorAfterSuccess') return { status: refusal };
  const reply = execute(request, values);
  return refusal === undefined ? reply : { status: 'unavailable' };
}

const PAGE = 500;

function execute({ operation, key, size, body, bodyCrc }: Request, values: Map<string, StoredValue>): Reply {
  const found = values.get(key);
  switch (nameOf(operation)) {
    case 'stat':
      return found === undefined ? { status: 'miss' } : { status: 'ok', body: uint32(found.bytes.byteLength) };
    case 'get':
      if (found === undefined) return { status: 'miss' };
      if (found.bytes.byteLength > size) return { status: 'tooLong', body: uint32(found.bytes.byteLength) };
      return { status: 'ok', body: found.bytes, bodyCrc: found.crc32 };
    case 'create':
      if (found !== undefined) return { status: 'exists' };
      values.set(key, { bytes: body, crc32: bodyCrc });
      return { status: 'ok' };
    case 'put':
      values.set(key, { bytes: body, crc32: bodyCrc });
      return { status: 'ok' };
    case 'delete':
      values.delete(key);
      return { status: 'ok' };
    case 'list': {
      const last = body.toString();
      const keys = [...values.keys()].filter((name) => name.startsWith(key) && name > last).sort();
      const page = keys
        .slice(0, PAGE)
        .map((name) => ({ key: name, byteLength: values.get(name)?.bytes.byteLength ?? 0 }));
      return { status: 'ok', body: listBody(page) };
    }
    default:
      return { status: 'damaged' };
  }
}

function nameOf(operation: number): OperationName | undefined {
  return (Object.keys(operations) as OperationName[]).find((name) => operations[name] === operation);
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** Takes bytes from a socket, in the lengths that are asked for. */
class Reader {
  readonly #pieces: AsyncIterator<Buffer>;
  #rest: Buffer = Buffer.alloc(0);

  constructor(socket: Socket) {
    this.#pieces = socket[Symbol.asyncIterator]();
  }

  /** `undefined` where the client ends before. */
  async take(byteLength: number): Promise<Buffer | undefined> {
    const bytes = Buffer.allocUnsafe(byteLength);
    let filled = 0;
    while (filled < byteLength) {
      if (this.#rest.byteLength === 0) {
        const next = await this.#pieces.next();
        if (next.done === true) return undefined;
        this.#rest = next.value;
      }
      const piece = this.#rest.subarray(0, byteLength - filled);
      bytes.set(piece, filled);
      filled += piece.byteLength;
      this.#rest = this.#rest.subarray(piece.byteLength);
    }
    return bytes;
  }

  async skipRest(): Promise<void> {
    while ((await this.#pieces.next()).done !== true);
  }
}
