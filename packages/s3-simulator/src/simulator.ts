/** The server: sockets, addressing, and what a test may do to it from outside the wire. */

import { randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createSecureServer, type SecureServerOptions } from 'node:http2';
import { createServer as createTlsServer } from 'node:https';
import { type AddressInfo, isIP, type Socket } from 'node:net';
import { freemem } from 'node:os';
import { crcEtag } from './body.ts';
import { createCertificate } from './certificate.ts';
import { base64Of, type ChecksumAlgorithm, checksumHeader, createHasher } from './checksums.ts';
import { accessOf, isDirectoryBucket, randomEntityTag } from './directory-buckets.ts';
import { Exchange } from './exchange.ts';
import { ExtentStore, joinExtents } from './extents.ts';
import { ClientGone, failure, S3Failure } from './failures.ts';
import { FaultScript } from './faults.ts';
import { addressOf, type Line, lineOf } from './line.ts';
import type { Call, ServerState } from './operations/call.ts';
import { emptyReply, failureReply, type Reply } from './reply.ts';
import { headerMap, RequestEntry, RequestLog } from './request-log.ts';
import { dispatch } from './router.ts';
import { Sessions } from './sessions.ts';
import { createVerifier } from './signatures.ts';
import { checkBucketName, Store } from './store.ts';
import type {
  Fault,
  PutObjectOptions,
  Simulator,
  SimulatorCredentials,
  SimulatorOptions,
  StoredObject,
} from './types.ts';
import { parseTarget } from './uri.ts';

const DEFAULT_CREDENTIALS: SimulatorCredentials = {
  accessKeyId: 'kvferry-simulator',
  secretAccessKey: 'kvferry-simulator-secret',
};
const DEFAULT_HOSTS = ['s3.localhost'];
const DEFAULT_MEMORY_BYTES = 4 * 1024 ** 3;
/** "Amazon S3 multipart upload limits" in the S3 user guide. */
const MIN_PART_BYTES = 5 * 1024 * 1024;
/** "CreateSession" in the S3 API reference: sessions expire after 5 minutes. */
const DEFAULT_SESSION_MS = 5 * 60_000;
/** Bytes of uploads that a client may send ahead, on a stream and in all: 64 KiB without being told, a round trip each. */
const H2_WINDOW_BYTES = 32 * 1024 * 1024;
const DEFAULT_CONTENT_TYPE = 'binary/octet-stream';

const KEPT_HEADERS = ['content-type', 'cache-control', 'content-disposition', 'content-language', 'expires'];

/** Starts a simulator on 127.0.0.1 and answers when it listens. Throws a TypeError that names the option which cannot be, and the system's error where the port is taken. */
export async function startSimulator(options: SimulatorOptions = {}): Promise<Simulator> {
  const running = new RunningSimulator(options);
  await running.listen();
  return running;
}

class RunningSimulator implements Simulator {
  readonly credentials: SimulatorCredentials;
  readonly region: string;
  readonly #options: SimulatorOptions;
  readonly #hosts: readonly string[];
  readonly #state: ServerState;
  readonly #verifier: ReturnType<typeof createVerifier>;
  readonly #log = new RequestLog();
  readonly #faults = new FaultScript();
  /** By the client's `ip:port`. */
  readonly #tcpSockets = new Map<string, Socket>();
  /** The exchange that a connection is at: requests sent one behind the other are served one after the other. */
  readonly #current = new WeakMap<object, Promise<void>>();
  readonly #running = new Set<Promise<void>>();
  #server: Server | undefined;
  #port = 0;
  #ca: string | undefined;
  #closing: Promise<void> | undefined;
  readonly #requestIdPrefix = randomBytes(4).toString('hex').toUpperCase();
  #requestCount = 0;
  #dateSecond = 0;
  #dateText = '';

  constructor(options: SimulatorOptions) {
    checkOptions(options);
    this.#options = options;
    const credentials = options.credentials ?? [DEFAULT_CREDENTIALS];
    this.credentials = credentials[0] ?? DEFAULT_CREDENTIALS;
    this.region = options.region ?? 'us-east-1';
    // The longest first, so that a bucket is never taken for a part of a host's name.
    this.#hosts = [...(options.hosts ?? DEFAULT_HOSTS)]
      .map((host) => host.toLowerCase())
      .sort((a, b) => b.length - a.length);
    const now = options.now ?? Date.now;
    const memoryBytes = options.memoryBytes ?? Math.min(DEFAULT_MEMORY_BYTES, Math.floor(freemem() / 2));
    const sessions = new Sessions(options.sessionMs ?? DEFAULT_SESSION_MS);
    this.#state = {
      store: new Store(),
      sessions,
      extents: new ExtentStore(memoryBytes),
      region: this.region,
      etag: options.etag ?? 'crc',
      minPartBytes: options.minPartBytes ?? MIN_PART_BYTES,
      now,
    };
    this.#verifier = createVerifier({ credentials, sessions, region: this.region, now });
    for (const bucket of options.buckets ?? []) this.createBucket(bucket);
  }

  get url(): string {
    return `${this.#options.scheme ?? 'http'}://127.0.0.1:${this.#port}`;
  }

  get port(): number {
    return this.#port;
  }

  get ca(): string | undefined {
    return this.#ca;
  }

  get requests(): Simulator['requests'] {
    return this.#log.entries;
  }

  get stats(): Simulator['stats'] {
    return {
      openConnections: this.#tcpSockets.size,
      openRequests: this.#log.openRequests,
      maxOpenRequests: this.#log.maxOpenRequests,
    };
  }

  async listen(): Promise<void> {
    const common = { highWaterMark: 1024 * 1024, keepAliveTimeout: 60_000, requestTimeout: 0, headersTimeout: 0 };
    if (this.#options.scheme === 'https') {
      const { ca, cert, key } = await createCertificate(['127.0.0.1', 'localhost', ...this.#hosts]);
      this.#ca = ca;
      this.#server =
        this.#options.http2 === 'offered'
          ? createH2Server({ ...common, cert, key })
          : createTlsServer({ ...common, cert, key });
    } else {
      this.#server = createServer(common);
    }
    const server = this.#server;
    server.timeout = 0;
    server.maxRequestsPerSocket = 0;
    server.on('connection', (socket: Socket) => this.#connected(socket));
    server.on('request', (request, response) => this.#begin(request, response, false));
    server.on('checkContinue', (request, response) => this.#begin(request, response, true));
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(this.#options.port ?? 0, '127.0.0.1', () => {
        server.off('error', reject);
        resolve();
      });
    });
    this.#port = (server.address() as AddressInfo).port;
  }

  clearRequests(): void {
    this.#log.clear();
  }

  addFault(fault: Fault): () => void {
    return this.#faults.add(fault);
  }

  createBucket(bucket: string): void {
    this.#state.store.createBucket(bucket, new Date(this.#state.now()));
  }

  async putObject(bucketName: string, key: string, body: Uint8Array, options: PutObjectOptions = {}): Promise<void> {
    const bucket = this.#state.store.bucket(bucketName);
    const writer = await this.#state.extents.writer(body.byteLength);
    await writer.write(body);
    const checksums = new Map<ChecksumAlgorithm, string>();
    const wanted = [
      ['crc32c', options.crc32c ?? 'computed'],
      ['crc64nvme', options.crc64nvme ?? 'none'],
    ] as const;
    for (const [algorithm, how] of wanted) {
      if (how !== 'none') checksums.set(algorithm, how === 'computed' ? await base64Of(algorithm, body) : how.base64);
    }
    bucket.put(
      key,
      {
        extents: [await writer.finish()],
        byteLength: body.byteLength,
        etag: isDirectoryBucket(bucketName) ? randomEntityTag() : await this.#etagOf(body),
        headers: { 'content-type': DEFAULT_CONTENT_TYPE },
        checksums,
        checksumType: 'FULL_OBJECT',
        lastModified: options.lastModified ?? new Date(this.#state.now()),
      },
      {},
    );
  }

  async getObject(bucketName: string, key: string): Promise<StoredObject | undefined> {
    const record = this.#state.store.bucket(bucketName).get(key);
    if (record === undefined) return undefined;
    for (const extent of record.extents) extent.retain();
    try {
      const checksums: Record<string, string> = {};
      for (const [algorithm, value] of record.checksums) checksums[checksumHeader(algorithm)] = value;
      const metadata: Record<string, string> = {};
      for (const [name, value] of Object.entries(record.headers)) {
        if (name.startsWith('x-amz-meta-')) metadata[name.slice('x-amz-meta-'.length)] = value;
      }
      return {
        body: await joinExtents(record.extents),
        etag: `"${record.etag}"`,
        contentType: record.headers['content-type'] ?? DEFAULT_CONTENT_TYPE,
        checksums,
        metadata,
        lastModified: record.lastModified,
      };
    } finally {
      for (const extent of record.extents) extent.release();
    }
  }

  deleteObject(bucket: string, key: string): void {
    this.#state.store.bucket(bucket).delete(key);
  }

  listKeys(bucket: string): string[] {
    return [...this.#state.store.bucket(bucket).sortedKeys()];
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  readonly #tcpSocket = (socket: Socket): Socket => this.#tcpSockets.get(addressOf(socket)) ?? socket;

  async #close(): Promise<void> {
    const server = this.#server;
    if (server !== undefined) {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const socket of this.#tcpSockets.values()) socket.destroy();
      await closed;
    }
    // What is under way notices that its connection has gone; its memory and files are let go of before the folder is removed.
    await Promise.all(this.#running);
    await this.#state.extents.close();
  }

  #connected(socket: Socket): void {
    const address = addressOf(socket);
    this.#tcpSockets.set(address, socket);
    socket.once('close', () => this.#tcpSockets.delete(address));
    socket.on('error', () => {});
  }

  #begin(request: IncomingMessage, response: ServerResponse, expectsContinue: boolean): void {
    const line = lineOf(request, response, this.#tcpSocket);
    const entry = new RequestEntry(request.method ?? '', request.url ?? '', line);
    this.#log.begin(entry);
    const exchange = new Exchange(request, response, { entry, line, expectsContinue });
    const ended = this.#serve(request, exchange, line).then(() => {
      this.#log.end(entry, exchange.isAnswered ? 'done' : 'aborted');
      this.#running.delete(ended);
    });
    this.#running.add(ended);
    this.#current.set(line.queue, ended);
  }

  /** Never rejects. */
  async #serve(request: IncomingMessage, exchange: Exchange, line: Line): Promise<void> {
    await this.#current.get(line.queue);
    if (!line.isOpen) return;
    const requestId = this.#requestIdPrefix + (this.#requestCount++).toString(16).toUpperCase().padStart(8, '0');
    try {
      const reply = await this.#answer(request, exchange, line, requestId);
      await exchange.send({
        ...reply,
        headers: {
          ...reply.headers,
          'x-amz-request-id': requestId,
          'x-amz-id-2': 'kvferry-s3-simulator',
          date: this.#date(),
        },
      });
    } catch (error) {
      // Nobody is left to answer; anything else has been answered before.
      if (!(error instanceof ClientGone)) line.abandon();
    }
  }

  async #answer(request: IncomingMessage, exchange: Exchange, line: Line, requestId: string): Promise<Reply> {
    let resource = request.url ?? '/';
    try {
      const headers = headerMap(line.rawHeaders);
      const { path, query } = parseTarget(request.url ?? '/');
      const { bucketName, key } = this.#locate(headers.get('host')?.[0] ?? '', path);
      resource = bucketName === '' ? '/' : `/${bucketName}/${key}`;
      const method = request.method ?? '';

      exchange.effect = this.#faults.strike({
        method,
        bucket: bucketName === '' ? undefined : bucketName,
        key: key === '' ? undefined : key,
        query: (request.url ?? '').split('?')[1] ?? '',
        range: headers.get('range')?.[0],
      });
      await exchange.strikeAtHead();
      const effect = exchange.effect;
      if (effect?.kind === 'status') return scriptedReply(effect, resource, requestId);

      const header = (name: string): string | undefined => headers.get(name)?.join(', ');
      const access = accessOf({ method, bucketName, key, query, header });
      const payload = this.#verifier.verify({ method, path, query, headers }, access);
      if (bucketName !== '') checkBucketName(bucketName);
      if (Buffer.byteLength(key) > 1024) throw failure('KeyTooLongError');
      const call: Call = {
        method,
        bucketName,
        key,
        query,
        payload,
        header,
        pullBody: (onData) => exchange.pullBody(onData),
        objectHeaders: objectHeaders(headers),
        server: this.#state,
      };
      if (payload.kind === 'sha256' && !exchange.isUpload) checkEmptyPayload(payload.hex);
      const reply = await dispatch(call);
      if (effect?.kind !== 'status-after-success') return reply;
      reply.body.release();
      return scriptedReply(effect, resource, requestId);
    } catch (error) {
      if (error instanceof ClientGone) throw error;
      const failed = error instanceof S3Failure ? error : failure('InternalError', `The simulator failed: ${error}`);
      return failureReply(failed, resource, requestId);
    }
  }

  /** Virtual host or path style, by the Host header. As in S3, a host that is none of ours is a bucket's name. */
  #locate(hostHeader: string, path: string): { readonly bucketName: string; readonly key: string } {
    const host = hostHeader.replace(/:\d*$/, '').toLowerCase();
    const isPathStyle = host === '' || host === 'localhost' || isIP(host.replace(/^\[|\]$/g, '')) !== 0;
    const { addressing } = this.#options;
    if (addressing !== 'path' && !isPathStyle && !this.#hosts.includes(host)) {
      const suffix = this.#hosts.find((candidate) => host.endsWith(`.${candidate}`));
      const bucketName = suffix === undefined ? host : host.slice(0, -suffix.length - 1);
      return { bucketName, key: path.slice(1) };
    }
    if (addressing === 'host' && path !== '/') throw failure('SecondLevelDomainForbidden');
    const slash = path.indexOf('/', 1);
    if (slash < 0) return { bucketName: path.slice(1), key: '' };
    const bucketName = path.slice(1, slash);
    // At an address the AWS SDK writes one slash too many behind a directory bucket. AWS itself has no such addresses.
    const isDoubled = isDirectoryBucket(bucketName) && path[slash + 1] === '/';
    return { bucketName, key: path.slice(slash + (isDoubled ? 2 : 1)) };
  }

  async #etagOf(body: Uint8Array): Promise<string> {
    const hasher = await createHasher(this.#state.etag === 'md5' ? 'md5' : 'crc32c');
    hasher.update(body);
    const digest = hasher.digest();
    return this.#state.etag === 'md5' ? digest.toString('hex') : crcEtag(body.byteLength, digest);
  }

  /** By the simulator's own clock: clients correct theirs by it. */
  #date(): string {
    const second = Math.floor(this.#state.now() / 1000);
    if (second !== this.#dateSecond) {
      this.#dateSecond = second;
      this.#dateText = new Date(second * 1000).toUTCString();
    }
    return this.#dateText;
  }
}

/** Answers HTTP/1.1 too, where a client chooses that. */
function createH2Server(options: SecureServerOptions): Server {
  const server = createSecureServer({ ...options, allowHTTP1: true, settings: { initialWindowSize: H2_WINDOW_BYTES } });
  server.on('session', (session) => {
    session.setLocalWindowSize(H2_WINDOW_BYTES);
    session.on('error', () => {});
  });
  // What it lacks of node:http's Server is not used here.
  return server as unknown as Server;
}

function checkOptions(options: SimulatorOptions): void {
  const known = [
    'port',
    'scheme',
    'http2',
    'hosts',
    'addressing',
    'region',
    'credentials',
    'buckets',
    'memoryBytes',
    'now',
    'etag',
    'minPartBytes',
    'sessionMs',
  ] as const satisfies readonly (keyof SimulatorOptions)[];
  for (const name of Object.keys(options)) {
    if (!known.some((candidate) => candidate === name)) {
      throw new TypeError(`startSimulator: there is no option ${name}. Options: ${known.join(', ')}.`);
    }
  }
  if (options.http2 === 'offered' && options.scheme !== 'https') {
    throw new TypeError("startSimulator: http2: 'offered' needs scheme: 'https'.");
  }
  if (options.credentials?.length === 0) {
    throw new TypeError('startSimulator: credentials must hold one pair at least; leave it out for the default pair.');
  }
  if (options.sessionMs !== undefined && !(options.sessionMs > 0)) {
    throw new TypeError(`startSimulator: sessionMs must be more than 0, not ${options.sessionMs}.`);
  }
  if (options.memoryBytes !== undefined && !(options.memoryBytes >= 0)) {
    throw new TypeError(`startSimulator: memoryBytes must be 0 or more, not ${options.memoryBytes}.`);
  }
}

function scriptedReply(
  effect: {
    readonly status: number;
    readonly code?: string | undefined;
    readonly message?: string | undefined;
    readonly headers?: Readonly<Record<string, string>> | undefined;
  },
  resource: string,
  requestId: string,
): Reply {
  if (effect.code === undefined) return emptyReply(effect.status, effect.headers);
  const message = effect.message ?? 'A scripted fault of the simulator.';
  return failureReply(new S3Failure(effect.status, effect.code, message, {}, effect.headers), resource, requestId);
}

function objectHeaders(headers: ReadonlyMap<string, readonly string[]>): Record<string, string> {
  const kept: Record<string, string> = { 'content-type': DEFAULT_CONTENT_TYPE };
  for (const [name, values] of headers) {
    if (KEPT_HEADERS.includes(name) || name.startsWith('x-amz-meta-')) kept[name] = values.join(',');
  }
  // aws-chunked is the transfer's encoding, not the object's.
  const encodings = (headers.get('content-encoding') ?? []).join(',').split(',');
  const encoding = encodings.map((name) => name.trim()).filter((name) => name !== '' && name !== 'aws-chunked');
  if (encoding.length > 0) kept['content-encoding'] = encoding.join(',');
  return kept;
}

function checkEmptyPayload(hex: string): void {
  const empty = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';
  if (hex === empty) return;
  throw failure('XAmzContentSHA256Mismatch', undefined, {
    ClientComputedContentSHA256: hex,
    S3ComputedContentSHA256: empty,
  });
}
