import {
  type BackendDriver,
  type BackendInfo,
  type Batch,
  type Capabilities,
  type DeleteResult,
  defineBackend,
  type GetItem,
  type GetResult,
  type Key,
  KvferryError,
  type ListEntry,
  MAX_KEY_BYTES,
  type PutItem,
  type PutMode,
  type PutResult,
  type RemoteBackend,
  type StatResult,
} from '@kvferry/core';
import { createWireClient, type WireClient, type WireClientOptions, type WireTimeouts } from '@kvferry/wire';
import { abortedError, orAborted } from './abort.ts';
import { Attempts } from './attempts.ts';
import { type Crc32cSource, loadCrc32c } from './checksum.ts';
import { ControlPlane } from './control-plane.ts';
import { byteLengthOf, DataPlane } from './data-plane.ts';
import { endpointUrl, requestTarget } from './endpoint.ts';
import type { ErrorContext } from './errors.ts';
import { Limiter } from './limiter.ts';
import { deleteObject, deleteObjects } from './operations/delete.ts';
import { getObject } from './operations/get.ts';
import { listObjects } from './operations/list.ts';
import { putObject } from './operations/put.ts';
import { statObject } from './operations/stat.ts';
import { resolveCa } from './options.ts';
import { warnOfProxies } from './proxies.ts';
import { ServerClock } from './signing/clock.ts';
import { EMPTY_PAYLOAD_SHA256, Signer, UNSIGNED_PAYLOAD } from './signing/sigv4.ts';
import { Suspects } from './suspects.ts';
import { Turns } from './turns.ts';
import type { S3Dialect } from './types.ts';

/**
 * Makes a backend of a dialect. Nothing is read and nothing connects before `open`; `open` asks for credentials, and
 * does not ask the store.
 *
 * Options that are not given: 64 requests at once, 3 attempts, connect 3 s, first byte 5 s, stall 5 s, reads verified
 * by CRC32C where the store has one, payloads unsigned.
 */
export function createS3Backend(dialect: S3Dialect): RemoteBackend {
  return defineBackend(new S3Driver(dialect));
}

const DEFAULT_MAX_REQUESTS_IN_FLIGHT = 64;
const DEFAULT_MAX_ATTEMPTS = 3;
const DEFAULT_TIMEOUTS: WireTimeouts = { connectMs: 3000, firstByteMs: 5000, stallMs: 5000 };

/** From this size on the checksum of a value (0.07 ms at 14 GB/s) waits for its turn. */
const LARGE_BYTES = 1024 * 1024;

/** What exists while the backend is open. */
interface OpenParts {
  readonly wire: WireClient;
  readonly data: DataPlane;
  readonly control: ControlPlane;
  readonly crc32c: Crc32cSource | undefined;
}

class S3Driver implements BackendDriver {
  readonly info: BackendInfo;
  readonly capabilities: Capabilities;
  readonly #dialect: S3Dialect;
  readonly #details: Record<string, string>;
  readonly #context: ErrorContext;
  readonly #suspects = new Suspects();
  readonly #turns = new Turns();
  readonly #width: number;
  #open: OpenParts | undefined;

  constructor(dialect: S3Dialect) {
    this.#dialect = dialect;
    const { credentials, endpoint, profile, scheme } = dialect;
    this.#width = dialect.options.maxRequestsInFlight ?? DEFAULT_MAX_REQUESTS_IN_FLIGHT;
    this.#context = {
      endpoint,
      get identity() {
        return credentials.describe();
      },
    };
    this.#details = {
      endpoint: endpointUrl(endpoint),
      addressing: endpoint.addressing,
      region: endpoint.region,
      profile: profile.id,
      checksum: profile.checksum,
      identity: credentials.describe(),
    };
    this.info = { scheme, namespace: endpoint.bucket, details: this.#details };
    this.capabilities = {
      delete: true,
      list: true,
      create: profile.create,
      limits: { maxValueBytes: profile.maxPutBytes, maxKeyBytes: MAX_KEY_BYTES },
    };
  }

  async open(signal: AbortSignal): Promise<void> {
    const { credentials, endpoint, options, profile, scheme } = this.#dialect;
    warnOfProxies();
    const [ca, crc32c] = await orAborted(
      Promise.all([
        resolveCa(options),
        profile.checksum === 'crc32c' ? loadCrc32c() : undefined,
        // Here, not in the first request: who has no credentials hears of it at once.
        credentials.get(),
      ]),
      signal,
    );
    // What only now is known.
    if (crc32c !== undefined) this.#details.checksum = `crc32c by ${crc32c.implementation}`;
    this.#details.identity = credentials.describe();
    const timeouts: WireTimeouts = {
      connectMs: options.timeouts?.connectMs ?? DEFAULT_TIMEOUTS.connectMs,
      firstByteMs: options.timeouts?.firstByteMs ?? DEFAULT_TIMEOUTS.firstByteMs,
      stallMs: options.timeouts?.stallMs ?? DEFAULT_TIMEOUTS.stallMs,
    };
    const wireOptions: WireClientOptions = { timeouts, ca };
    const wire = this.#dialect.wire ?? makeWire(wireOptions);
    const clock = new ServerClock();
    const shared = {
      backend: `${scheme}://${endpoint.bucket}`,
      clock,
      credentials,
      limiter: new Limiter(this.#width),
      attempts: new Attempts(options.maxAttempts ?? DEFAULT_MAX_ATTEMPTS, clock, credentials),
      context: this.#context,
    };
    this.#open = {
      wire,
      crc32c,
      data: new DataPlane({
        ...shared,
        target: requestTarget(endpoint),
        wire,
        makeFreshWire: this.#dialect.wire === undefined ? () => createWireClient(wireOptions) : undefined,
        emptyPayloadHash: options.payloadSigning === 'sha256' ? EMPTY_PAYLOAD_SHA256 : UNSIGNED_PAYLOAD,
        signer: new Signer({ region: endpoint.region, service: 's3', tokenHeader: 'x-amz-security-token' }),
      }),
      control: new ControlPlane({ ...shared, endpoint, ca, timeouts, maxRequestsInFlight: this.#width }),
    };
  }

  async stat(batch: Batch<Key, StatResult>): Promise<void> {
    const { data } = this.#parts();
    await batch.each(this.#width, (key) => statObject(data, key, batch.signal));
  }

  async get(batch: Batch<GetItem, GetResult>): Promise<void> {
    const { crc32c, data } = this.#parts();
    const verifies = crc32c !== undefined && this.#dialect.options.verify !== 'length';
    const startCrc = verifies ? () => crc32c.start() : undefined;
    await batch.each(this.#width, async (item) => {
      try {
        return await getObject(data, item, startCrc, batch.signal);
      } catch (thrown) {
        if (KvferryError.is(thrown) && thrown.code === 'CORRUPT') this.#suspects.add(item.key);
        throw thrown;
      }
    });
  }

  async put(batch: Batch<PutItem, PutResult>, mode: PutMode): Promise<void> {
    const { crc32c, data } = this.#parts();
    const protection = { crc32c, payloadSigning: this.#dialect.options.payloadSigning ?? 'unsigned' } as const;
    await batch.each(this.#width, async (item) => {
      if (byteLengthOf(item.parts) >= LARGE_BYTES) {
        await this.#turns.next();
        if (batch.signal.aborted) throw abortedError(batch.signal);
      }
      const result = await putObject(
        data,
        item,
        this.#suspects.has(item.key) ? 'replace' : mode,
        protection,
        batch.signal,
      );
      this.#suspects.delete(item.key);
      return result;
    });
  }

  async delete(batch: Batch<Key, DeleteResult>): Promise<void> {
    const { control, data } = this.#parts();
    if (this.#dialect.profile.bulkDelete) await deleteObjects(control, batch, this.#context);
    else await batch.each(this.#width, (key) => deleteObject(data, key, batch.signal));
  }

  list(prefix: string, signal: AbortSignal): AsyncIterable<ListEntry> {
    return listObjects(this.#parts().control, prefix, signal);
  }

  async close(): Promise<void> {
    const open = this.#open;
    this.#open = undefined;
    await Promise.all([open?.control.close(), open?.wire.close()]);
  }

  #parts(): OpenParts {
    // `defineBackend` calls none of these while the backend is not open.
    if (this.#open === undefined) throw new KvferryError('NOT_OPEN', 'the backend is not open');
    return this.#open;
  }
}

function makeWire(options: WireClientOptions): WireClient {
  try {
    return createWireClient(options);
  } catch (cause) {
    // Its message names the option, and everything but the certificates was checked before.
    throw new KvferryError('CONFIG_INVALID', cause instanceof Error ? cause.message : String(cause), { cause });
  }
}
