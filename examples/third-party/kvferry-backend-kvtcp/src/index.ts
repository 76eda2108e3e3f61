import {
  type BackendDriver,
  type BackendPlugin,
  type Batch,
  type DeleteResult,
  defineBackend,
  type GetItem,
  type GetResult,
  KvferryError,
  keyProblem,
  type ListEntry,
  type PutItem,
  type PutMode,
  type PutResult,
  type RemoteBackend,
  type StatResult,
} from '@kvferry/core';
import type { Address, Answer, Request } from './connection.ts';
import { Pool } from './pool.ts';
import { MAX_VALUE_BYTES, readListBody, type Status } from './protocol.ts';

export interface KvtcpOptions {
  readonly host: string;
  readonly port: number;
  /** What the keys live in. Default: `cache`. */
  readonly namespace?: string | undefined;
  /** How long nothing may move before a request fails, in milliseconds. Default: 10,000. */
  readonly timeoutMs?: number | undefined;
  /** How many connections there are at most, each with one request at a time. Default: 8. */
  readonly maxConnections?: number | undefined;
  /** Connects there in place of `host` and `port`: to a proxy, say. */
  readonly connectTo?: Address | undefined;
}

/** Makes a backend over a server of kvtcp. Throws CONFIG_INVALID, naming the option. */
export function kvtcpBackend(options: KvtcpOptions): RemoteBackend {
  return defineBackend(new KvtcpDriver(checked(options)));
}

/** Opens `kvtcp://host:port/namespace` from an LMCache configuration. Options: `timeoutMs`, `maxConnections`. */
export const backendPlugin: BackendPlugin = {
  scheme: 'kvtcp',
  open({ url, options }) {
    const { hostname, port, pathname } = URL.canParse(url) ? new URL(url) : { hostname: '', port: '', pathname: '' };
    if (hostname === '' || port === '') {
      throw new KvferryError('CONFIG_INVALID', `remote_url is kvtcp://host:port/namespace, not ${url}`);
    }
    const unknown = Object.keys(options).find((name) => name !== 'timeoutMs' && name !== 'maxConnections');
    if (unknown !== undefined) {
      throw new KvferryError('CONFIG_INVALID', `kvtcp has no option "${unknown}"; it has timeoutMs and maxConnections`);
    }
    const namespace = decodeURIComponent(pathname.slice(1)) || undefined;
    return kvtcpBackend({ host: hostname.replace(/^\[|\]$/g, ''), port: Number(port), namespace, ...options });
  },
};

interface Checked extends KvtcpOptions {
  readonly namespace: string;
  readonly timeoutMs: number;
  readonly maxConnections: number;
}

function checked(options: KvtcpOptions): Checked {
  const { namespace = 'cache', timeoutMs = 10_000, maxConnections = 8 } = options;
  for (const [name, value] of Object.entries({ port: options.port, timeoutMs, maxConnections })) {
    if (Number.isSafeInteger(value) && value > 0) continue;
    throw new KvferryError('CONFIG_INVALID', `${name} is a whole number above 0, not ${String(value)}`);
  }
  if (!/^[\w.-]{1,64}$/.test(namespace)) {
    throw new KvferryError(
      'CONFIG_INVALID',
      `namespace is 1 to 64 of a-z, A-Z, 0-9, _ . -, not ${JSON.stringify(namespace)}`,
    );
  }
  return { ...options, namespace, timeoutMs, maxConnections };
}

class KvtcpDriver implements BackendDriver {
  readonly info: BackendDriver['info'];
  readonly capabilities = {
    delete: true,
    list: true,
    create: true,
    limits: { maxValueBytes: MAX_VALUE_BYTES, maxKeyBytes: 512 },
  };
  readonly #pool: Pool;
  readonly #namespace: string;
  readonly #concurrency: number;

  constructor({ host, port, namespace, timeoutMs, maxConnections, connectTo }: Checked) {
    this.info = { scheme: 'kvtcp', namespace: `${host}:${port}/${namespace}`, details: { checksum: 'crc32' } };
    this.#namespace = namespace;
    this.#concurrency = maxConnections;
    this.#pool = new Pool(connectTo ?? { host, port }, maxConnections, timeoutMs);
  }

  /** Fails where there is no server; whether it has the namespace, the first request tells. */
  async open(signal: AbortSignal): Promise<void> {
    await this.#pool.ask({ operation: 'ping', name: '' }, signal);
  }

  stat(batch: Batch<string, StatResult>): Promise<void> {
    return batch.each(this.#concurrency, async (key) => {
      const { status, body } = await this.#ask({ operation: 'stat', name: key }, ['ok', 'miss'], batch.signal);
      return status === 'miss' ? { status: 'miss' } : { status: 'hit', byteLength: body.readUInt32BE(0) };
    });
  }

  get(batch: Batch<GetItem, GetResult>): Promise<void> {
    return batch.each(this.#concurrency, async ({ key, into }) => {
      const request = { operation: 'get', name: key, into } as const;
      const { status, body } = await this.#ask(request, ['ok', 'miss', 'tooLong'], batch.signal);
      if (status === 'miss') return { status: 'miss' };
      if (status === 'ok') return { status: 'hit', byteLength: body.byteLength, verified: 'checksum' };
      const requiredBytes = body.readUInt32BE(0);
      const reason = `the value has ${requiredBytes} bytes, the buffer ${into.byteLength}`;
      throw new KvferryError('BUFFER_TOO_SMALL', reason, { requiredBytes });
    });
  }

  put(batch: Batch<PutItem, PutResult>, mode: PutMode): Promise<void> {
    const operation = mode === 'create' ? 'create' : 'put';
    return batch.each(this.#concurrency, async ({ key, parts }) => {
      const { status } = await this.#ask({ operation, name: key, body: parts }, ['ok', 'exists'], batch.signal);
      return { status: status === 'exists' ? 'exists' : 'stored' };
    });
  }

  delete(batch: Batch<string, DeleteResult>): Promise<void> {
    return batch.each(this.#concurrency, async (key) => {
      await this.#ask({ operation: 'delete', name: key }, ['ok'], batch.signal);
      return { status: 'deleted' };
    });
  }

  async *list(prefix: string, signal: AbortSignal): AsyncGenerator<ListEntry> {
    // No key begins so, and the name of a request has no room for it.
    if (Buffer.byteLength(prefix) > this.capabilities.limits.maxKeyBytes) return;
    let last = '';
    while (true) {
      const request = { operation: 'list', name: prefix, body: [Buffer.from(last)] } as const;
      const page = [...readListBody((await this.#ask(request, ['ok'], signal)).body)];
      for (const entry of page) if (keyProblem(entry.key) === undefined) yield entry;
      const end = page.at(-1);
      if (end === undefined) return;
      last = end.key;
    }
  }

  async close(): Promise<void> {
    await this.#pool.close();
  }

  /** What is none of the answers that `due` names is an error. */
  async #ask(request: Request, due: readonly Status[], signal: AbortSignal): Promise<Answer> {
    const answer = await this.#pool.ask({ ...request, name: `${this.#namespace}/${request.name}` }, signal);
    if (due.includes(answer.status)) return answer;
    switch (answer.status) {
      case 'denied':
        throw new KvferryError('PERMISSION_DENIED', `the server does not let this client into ${this.#namespace}`);
      case 'noNamespace':
        throw new KvferryError('NAMESPACE_NOT_FOUND', `the server has no namespace ${this.#namespace}`);
      case 'slowDown':
        throw new KvferryError('THROTTLED', 'the server asks for fewer requests');
      case 'unavailable':
        throw new KvferryError('UNAVAILABLE', 'the server cannot serve now');
      case 'damaged':
        throw new KvferryError('CORRUPT', 'the request was damaged on its way');
      default:
        throw new KvferryError('UNKNOWN', `the server answered ${answer.status} to ${request.operation}`);
    }
  }
}
