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
import { Attempts, ENDED_SESSION_CODES, EXPIRED_CODES } from './attempts.ts';
import { loadDigests } from './checksum.ts';
import { ControlPlane } from './control-plane.ts';
import { byteLengthOf, DataPlane, type DataPlaneParts } from './data-plane.ts';
import { endpointUrl, requestTarget } from './endpoint.ts';
import type { ErrorContext } from './errors.ts';
import { Limiter } from './limiter.ts';
import { makeWire } from './make-wire.ts';
import { deleteObject, deleteObjects } from './operations/delete.ts';
import { getObject } from './operations/get.ts';
import { RangedReads } from './operations/get-ranges.ts';
import { listObjects } from './operations/list.ts';
import { type PayloadProtection, putObject } from './operations/put.ts';
import { PartedWrites } from './operations/put-parts.ts';
import { statObject } from './operations/stat.ts';
import { resolveCa } from './options.ts';
import { effectiveMultipart, maxValueBytes } from './part-plan.ts';
import { warnOfProxies } from './proxies.ts';
import { sessionRequests } from './sessions.ts';
import { ServerClock } from './signing/clock.ts';
import { EMPTY_PAYLOAD_SHA256, Signer, UNSIGNED_PAYLOAD } from './signing/sigv4.ts';
import { Suspects } from './suspects.ts';
import { Turns } from './turns.ts';
import type { CredentialProvider, MultipartProfile, S3Dialect, SessionRequest } from './types.ts';
import { type Verification, verificationOf } from './verification.ts';

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
/** Where S3 expects the token of temporary credentials. */
const SECURITY_TOKEN = 'x-amz-security-token';
const DEFAULT_TIMEOUTS: WireTimeouts = { connectMs: 3000, firstByteMs: 5000, stallMs: 5000 };

/** For I/O threads, which load it themselves. It lies beside this module, in the sources as in what is built of them. */
const DIGEST_MODULE = new URL(import.meta.url.endsWith('.ts') ? './checksum.ts' : './checksum.js', import.meta.url);

/** From this size on the checksum of a value (0.07 ms at 14 GB/s) waits for its turn. */
const LARGE_BYTES = 1024 * 1024;

/** What requests of every kind go over. */
type PartsOnWire = Omit<DataPlaneParts, 'credentials' | 'attempts' | 'context' | 'signer'>;

/** What exists while the backend is open. */
interface OpenParts {
  readonly wire: WireClient;
  readonly data: DataPlane;
  readonly control: ControlPlane;
  readonly verification: Verification;
  readonly protection: PayloadProtection;
  /** Where large values come by ranges, and go in parts. */
  readonly large: { readonly reads: RangedReads; readonly writes: PartedWrites } | undefined;
  /** Ends what runs for no call of its own. */
  readonly closed: AbortController;
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
  readonly #multipart: MultipartProfile | 'none';
  #open: OpenParts | undefined;

  constructor(dialect: S3Dialect) {
    this.#dialect = dialect;
    const { credentials, endpoint, profile, scheme, sessions } = dialect;
    const identity = (): string =>
      sessions === undefined ? credentials.describe() : `session of ${credentials.describe()}`;
    this.#multipart = effectiveMultipart(profile, dialect.options.multipart);
    this.#width = dialect.options.maxRequestsInFlight ?? DEFAULT_MAX_REQUESTS_IN_FLIGHT;
    this.#context = {
      endpoint,
      get identity() {
        return identity();
      },
      sessionRight: sessions?.right,
    };
    this.#details = {
      endpoint: endpointUrl(endpoint),
      addressing: endpoint.addressing,
      region: endpoint.region,
      profile: profile.id,
      checksum: profile.checksum,
      // Asked for anew: the source says what it is with its first credentials, and others follow these.
      get identity() {
        return identity();
      },
    };
    const { ioThreads = 0, http2 } = dialect.options;
    const negotiates = http2 === 'prefer' && endpoint.scheme === 'https';
    this.#details.protocol = negotiates ? 'not yet known' : 'http/1.1';
    if (ioThreads > 0) this.#details.ioThreads = String(ioThreads);
    this.info = { scheme, namespace: endpoint.bucket, details: this.#details };
    this.capabilities = {
      delete: true,
      list: true,
      create: profile.create,
      limits: { maxValueBytes: maxValueBytes(profile), maxKeyBytes: profile.maxKeyBytes ?? MAX_KEY_BYTES },
    };
  }

  async open(signal: AbortSignal): Promise<void> {
    const { credentials, endpoint, options, profile, scheme, sessions, signing } = this.#dialect;
    warnOfProxies();
    const [ca, checksums] = await orAborted(
      Promise.all([
        resolveCa(options),
        profile.checksum === 'crc32c' ? loadDigests() : undefined,
        // Here, not in the first request: who has no credentials hears of it at once.
        credentials.get(signal),
      ]),
      signal,
    );
    // What only now is known.
    if (checksums !== undefined) this.#details.checksum = `crc32c by ${checksums.implementation}`;
    const timeouts: WireTimeouts = {
      connectMs: options.timeouts?.connectMs ?? DEFAULT_TIMEOUTS.connectMs,
      firstByteMs: options.timeouts?.firstByteMs ?? DEFAULT_TIMEOUTS.firstByteMs,
      stallMs: options.timeouts?.stallMs ?? DEFAULT_TIMEOUTS.stallMs,
    };
    const freshOptions: WireClientOptions = { timeouts, ca, digests: checksums, http2: options.http2 };
    const { ioThreads } = options;
    const digestModule = checksums === undefined ? undefined : DIGEST_MODULE.href;
    const wire = this.#dialect.wire ?? makeWire({ ...freshOptions, ioThreads, digestModule });
    const clock = new ServerClock();
    const { service, tokenHeader } = signing ?? { service: 's3', tokenHeader: SECURITY_TOKEN };
    const onWire: PartsOnWire = {
      backend: `${scheme}://${endpoint.bucket}`,
      clock,
      limiter: new Limiter(this.#width),
      target: requestTarget(endpoint),
      wire,
      makeFreshWire: this.#dialect.wire === undefined ? () => createWireClient(freshOptions) : undefined,
      onProtocol: (protocol) => {
        this.#details.protocol = protocol;
      },
      emptyPayloadHash: options.payloadSigning === 'sha256' ? EMPTY_PAYLOAD_SHA256 : UNSIGNED_PAYLOAD,
    };

    const closed = new AbortController();
    const signedBy = sessions?.provider(this.#sessionRequests(onWire, closed.signal)) ?? credentials;
    const shared = {
      ...onWire,
      credentials: signedBy,
      attempts: this.#attempts(clock, signedBy),
      context: this.#context,
    };
    const data = new DataPlane({ ...shared, signer: new Signer({ region: endpoint.region, service, tokenHeader }) });
    const verification = verificationOf(options.verify ?? 'fast', profile.checksum);
    const protection: PayloadProtection = { checksums, payloadSigning: options.payloadSigning ?? 'unsigned' };
    this.#open = {
      wire,
      closed,
      data,
      verification,
      protection,
      large: this.#largeValues(data, verification, protection),
      control: new ControlPlane({
        ...shared,
        endpoint,
        signsBy: sessions === undefined ? 'credentials' : 'sessions',
        service,
        ca,
        timeouts,
        maxRequestsInFlight: this.#width,
      }),
    };
  }

  async stat(batch: Batch<Key, StatResult>): Promise<void> {
    const { data } = this.#parts();
    await batch.each(this.#width, (key) => statObject(data, key, this.#dialect.profile.stat, batch.signal));
  }

  async get(batch: Batch<GetItem, GetResult>): Promise<void> {
    const { data, large, verification } = this.#parts();
    await batch.each(this.#width, async (item) => {
      try {
        return large?.reads.takes(item)
          ? await large.reads.get(item, batch.signal)
          : await getObject(data, item, verification, batch.signal);
      } catch (thrown) {
        if (KvferryError.is(thrown) && thrown.code === 'CORRUPT') this.#suspects.add(item.key);
        throw thrown;
      }
    });
  }

  async put(batch: Batch<PutItem, PutResult>, mode: PutMode): Promise<void> {
    const { signal } = batch;
    const { data, large, protection } = this.#parts();
    const putWhole = async (item: PutItem, itemMode: PutMode): Promise<PutResult> => {
      if (byteLengthOf(item.parts) >= LARGE_BYTES) {
        await this.#turns.next();
        if (signal.aborted) throw abortedError(signal);
      }
      return putObject(data, item, itemMode, protection, signal);
    };
    await batch.each(this.#width, async (item) => {
      const itemMode = this.#suspects.has(item.key) ? 'replace' : mode;
      const result = large?.writes.takes(item)
        ? await large.writes.put(item, itemMode, signal)
        : await putWhole(item, itemMode);
      this.#suspects.delete(item.key);
      return result;
    });
  }

  async delete(batch: Batch<Key, DeleteResult>): Promise<void> {
    const { control, data } = this.#parts();
    if (this.#dialect.profile.bulkDelete) await deleteObjects(control, data, batch, this.#context);
    else await batch.each(this.#width, (key) => deleteObject(data, key, batch.signal));
  }

  list(prefix: string, signal: AbortSignal): AsyncIterable<ListEntry> {
    return listObjects(this.#parts().control, prefix, this.#dialect.profile.listing, this.#context, signal);
  }

  async close(): Promise<void> {
    const open = this.#open;
    this.#open = undefined;
    open?.closed.abort(new KvferryError('ABORTED', 'the backend was closed'));
    await Promise.all([open?.control.close(), open?.wire.close()]);
  }

  #largeValues(plane: DataPlane, verification: Verification, protection: PayloadProtection): OpenParts['large'] {
    const multipart = this.#multipart;
    if (multipart === 'none') return undefined;
    const common = { plane, multipart, width: this.#width };
    return {
      reads: new RangedReads({ ...common, verification }),
      writes: new PartedWrites({ ...common, protection, turns: this.#turns }),
    };
  }

  /** Sends what opens sessions, signed by the credentials that the dialect names. */
  #sessionRequests(onWire: PartsOnWire, closed: AbortSignal): SessionRequest {
    const { credentials, endpoint, sessions, signing } = this.#dialect;
    const service = signing?.service ?? 's3';
    const plane = new DataPlane({
      ...onWire,
      credentials,
      attempts: this.#attempts(onWire.clock, credentials),
      context: {
        endpoint,
        get identity() {
          return credentials.describe();
        },
        sessionRight: sessions?.right,
      },
      signer: new Signer({ region: endpoint.region, service, tokenHeader: SECURITY_TOKEN }),
    });
    return sessionRequests(plane, closed);
  }

  #attempts(clock: ServerClock, credentials: CredentialProvider): Attempts {
    const { credentials: base, options } = this.#dialect;
    const ends = credentials === base ? EXPIRED_CODES : ENDED_SESSION_CODES;
    return new Attempts(options.maxAttempts ?? DEFAULT_MAX_ATTEMPTS, clock, credentials, ends);
  }

  #parts(): OpenParts {
    // `defineBackend` calls none of these while the backend is not open.
    if (this.#open === undefined) throw new KvferryError('NOT_OPEN', 'the backend is not open');
    return this.#open;
  }
}
