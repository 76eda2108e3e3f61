import { type AgentOptions, Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent, type AgentOptions as HttpsAgentOptions } from 'node:https';
import type { Duplex } from 'node:stream';
import { createSecureContext } from 'node:tls';
import type { S3Client } from '@aws-sdk/client-s3';
import type { Operation } from '@kvferry/core';
import { usualTrust, type WireTimeouts } from '@kvferry/wire';
import { orAborted } from './abort.ts';
import { admit } from './admission.ts';
import { type Attempts, Refusal } from './attempts.ts';
import { endpointUrl, loopbackOf } from './endpoint.ts';
import { type ErrorContext, judgeAnswer } from './errors.ts';
import type { Limiter } from './limiter.ts';
import { answerOfSdk, connectionErrorOfSdk } from './sdk-errors.ts';
import type { ServerClock } from './signing/clock.ts';
import { publishRecord, recordsWanted } from './telemetry.ts';
import type { CredentialProvider, S3Credentials, S3Endpoint } from './types.ts';

type Sdk = typeof import('@aws-sdk/client-s3');

/** What one request of the control plane works with. */
export interface ControlRequest {
  readonly sdk: Sdk;
  readonly client: S3Client;
  readonly bucket: string;
  /** Passed to `client.send`. */
  readonly options: { readonly abortSignal: AbortSignal };
}

export interface ControlPlaneParts {
  readonly backend: string;
  readonly endpoint: S3Endpoint;
  /** PEM of the certificates to trust; `undefined`: the usual ones. */
  readonly ca: string | undefined;
  readonly timeouts: WireTimeouts;
  readonly maxRequestsInFlight: number;
  readonly clock: ServerClock;
  readonly credentials: CredentialProvider;
  /** What these credentials are. Of `sessions` the SDK makes none by itself: it signs by the ones that are there. */
  readonly signsBy: 'credentials' | 'sessions';
  /** That signatures are for. */
  readonly service: string;
  readonly limiter: Limiter;
  readonly attempts: Attempts;
  readonly context: ErrorContext;
}

/**
 * Listing and bulk deletes through `@aws-sdk/client-s3`, at the same endpoint, under the same certificates,
 * credentials, limit and retries as the data plane.
 *
 * The SDK is loaded with the first request (170 ms), so that whoever only reads and writes does not pay for it.
 */
export class ControlPlane {
  readonly #parts: ControlPlaneParts;
  #loading: Promise<{ readonly sdk: Sdk; readonly client: S3Client }> | undefined;
  /** Of the request that was admitted last. */
  #credentials: S3Credentials | undefined;

  constructor(parts: ControlPlaneParts) {
    this.#parts = parts;
  }

  /** Names the backend in telemetry. */
  get backend(): string {
    return this.#parts.backend;
  }

  /** Sends what `request` sends, until it is answered or given up. */
  async send<T>(
    operation: Operation & ('list' | 'delete'),
    signal: AbortSignal,
    request: (parts: ControlRequest) => Promise<T>,
  ): Promise<T> {
    this.#loading ??= this.#load().catch((thrown: unknown) => {
      this.#loading = undefined;
      throw thrown;
    });
    const { sdk, client } = await orAborted(this.#loading, signal);
    const parts: ControlRequest = {
      sdk,
      client,
      bucket: this.#parts.endpoint.bucket,
      options: { abortSignal: signal },
    };
    return this.#parts.attempts.run(signal, (attempt) =>
      this.#attempt(operation, signal, attempt.number, parts, request),
    );
  }

  /** Closes the client's connections. Nothing may be under way. */
  async close(): Promise<void> {
    const loaded = await this.#loading?.catch(() => undefined);
    loaded?.client.destroy();
  }

  async #attempt<T>(
    operation: 'list' | 'delete',
    signal: AbortSignal,
    number: number,
    parts: ControlRequest,
    request: (parts: ControlRequest) => Promise<T>,
  ): Promise<T> {
    const { clock, context, credentials, limiter } = this.#parts;
    const used = await admit(limiter, credentials, signal);
    if (used !== 'anonymous') this.#credentials = used;
    const startMs = performance.now();
    let httpStatus = 200;
    let errorCode: string | undefined;
    try {
      parts.client.config.systemClockOffset = clock.offsetMs;
      const signedAtMs = clock.now();
      try {
        return await request(parts);
      } catch (thrown) {
        const answer = answerOfSdk(thrown, operation);
        httpStatus = answer?.status ?? 0;
        const error = answer === undefined ? connectionErrorOfSdk(thrown, context) : judgeAnswer(answer, context);
        errorCode = error === 'miss' ? undefined : error.code;
        if (answer === undefined || error === 'miss') throw error === 'miss' ? thrown : error;
        throw new Refusal(error, answer, signedAtMs, used);
      }
    } finally {
      limiter.release();
      if (recordsWanted()) {
        publishRecord({
          backend: this.#parts.backend,
          method: operation === 'list' ? 'GET' : 'POST',
          key: '',
          attempt: number,
          startMs,
          firstByteMs: 0,
          endMs: performance.now(),
          bytes: 0,
          httpStatus,
          protocol: httpStatus === 0 ? undefined : 'http/1.1',
          errorCode,
          remoteAddress: undefined,
        });
      }
    }
  }

  async #load(): Promise<{ readonly sdk: Sdk; readonly client: S3Client }> {
    const { ca, endpoint, maxRequestsInFlight, service, signsBy, timeouts } = this.#parts;
    const sdk = await import('@aws-sdk/client-s3');
    const agentOptions: AgentOptions = { keepAlive: true, maxSockets: maxRequestsInFlight };
    // Made once: a connection that gets the certificates themselves parses all of them again.
    const secureContext =
      endpoint.scheme === 'https' ? { secureContext: createSecureContext({ ca: ca ?? usualTrust() }) } : {};
    const client = new sdk.S3Client({
      // Given, whatever it is: left to itself the SDK follows AWS_ENDPOINT_URL_S3, and lists another store than the one
      // that is read.
      endpoint: endpointUrl(endpoint),
      region: endpoint.region,
      forcePathStyle: endpoint.addressing === 'path',
      ...(await this.#identity()),
      // Not among its options, and yet what it goes by: left out, it signs for `s3` under a session that it has not opened itself.
      ...{ signingName: service },
      // The same attempts as on the data plane; two kinds of retries would multiply.
      maxAttempts: 1,
      // Its newer default breaks stores that do not know its checksums.
      requestChecksumCalculation: 'WHEN_REQUIRED',
      responseChecksumValidation: 'WHEN_REQUIRED',
      // From the environment these would turn the endpoint into another one, or into an error.
      useDualstackEndpoint: false,
      useFipsEndpoint: false,
      useArnRegion: false,
      disableS3ExpressSessionAuth: signsBy === 'credentials',
      requestHandler: {
        connectionTimeout: timeouts.connectMs,
        socketTimeout: Math.max(timeouts.firstByteMs, timeouts.stallMs),
        httpAgent: new ElsewhereHttpAgent(agentOptions, endpoint.connectTo),
        httpsAgent: new ElsewhereHttpsAgent({ ...agentOptions, ...secureContext }, endpoint.connectTo),
      },
    });
    if (endpoint.addressing === 'path') putBucketIntoPath(client, endpoint);
    else putBucketIntoHost(client, endpoint);
    return { sdk, client };
  }

  async #identity(): Promise<Partial<ConstructorParameters<Sdk['S3Client']>[0]>> {
    const { credentials } = this.#parts;
    if ((await credentials.get()) === 'anonymous') return { signer: { sign: async (request) => request } };
    const current = async () => {
      // The provider may make whoever asks wait for a slot, and here one is held already.
      const { accessKeyId, secretAccessKey, sessionToken } = this.#credentials as S3Credentials;
      const pair =
        sessionToken === undefined ? { accessKeyId, secretAccessKey } : { accessKeyId, secretAccessKey, sessionToken };
      // The SDK keeps what does not expire, and asks again for what expires within five minutes. The provider keeps
      // its own books; so it is always asked.
      return { ...pair, expiration: new Date(Date.now() + 60_000) };
    };
    return { credentials: current, s3ExpressIdentityProvider: { getS3ExpressIdentity: current } };
  }
}

/**
 * Puts the bucket where `forcePathStyle` should have put it. Of a directory bucket the SDK makes a part of the host, unless that is an address, and then it
 * writes a slash too many behind it.
 */
function putBucketIntoPath(client: S3Client, { bucket, host }: S3Endpoint): void {
  readdress(client, (request) => {
    if (request.hostname === `${bucket}.${host}`) {
      request.hostname = host;
      request.path = `/${bucket}${request.path}`;
    }
    if (request.path.startsWith(`/${bucket}//`)) request.path = request.path.replace('//', '/');
  });
}

/** Puts the bucket where the data plane has it. A name with dots, and one that Amazon S3 does not take, the SDK leaves in the path. */
function putBucketIntoHost(client: S3Client, { bucket, host }: S3Endpoint): void {
  readdress(client, (request) => {
    if (request.hostname !== host || !request.path.startsWith(`/${bucket}/`)) return;
    request.hostname = `${bucket}.${host}`;
    request.path = request.path.slice(bucket.length + 1);
  });
}

interface Address {
  hostname: string;
  path: string;
}

function readdress(client: S3Client, change: (request: Address) => void): void {
  client.middlewareStack.add(
    (next) => (args) => {
      change(args.request as Address);
      return next(args);
    },
    // Before the Host header is written, and so before the signature.
    { step: 'build', priority: 'high', name: 'kvferryAddressing' },
  );
}

type Place = S3Endpoint['connectTo'];

/** Node's agent, connecting elsewhere than the request says. */
class ElsewhereHttpAgent extends HttpAgent {
  readonly #place: Place;

  constructor(options: AgentOptions, place: Place) {
    super(options);
    this.#place = place;
  }

  override createConnection(options: never, callback: never): Duplex {
    return super.createConnection(elsewhere(options, this.#place), callback) as Duplex;
  }
}

/** The same over TLS: SNI and the name in the certificate stay the request's. */
class ElsewhereHttpsAgent extends HttpsAgent {
  readonly #place: Place;

  constructor(options: HttpsAgentOptions, place: Place) {
    super(options);
    this.#place = place;
  }

  override createConnection(options: never, callback: never): Duplex {
    return super.createConnection(elsewhere(options, this.#place), callback) as Duplex;
  }
}

/** `servername` was set from the request's host before this. */
function elsewhere(options: { readonly host?: string }, place: Place): never {
  const { host, port } = place ?? { host: loopbackOf(options.host ?? ''), port: undefined };
  return { ...options, ...(host === undefined ? {} : { host }), ...(port === undefined ? {} : { port }) } as never;
}
