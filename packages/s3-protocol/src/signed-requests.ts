import { KvferryError, type Operation } from '@kvferry/core';
import type { ResponseHeaders, WireClient } from '@kvferry/wire';
import { orAborted } from './abort.ts';
import { type Checksums, crc32cOf, loadDigests } from './checksum.ts';
import { type RequestTarget, requestTarget } from './endpoint.ts';
import { type ErrorDocument, readErrorDocument } from './error-body.ts';
import { type ErrorContext, errorOfWire, judgeAnswer } from './errors.ts';
import { makeWire } from './make-wire.ts';
import { resolveCa } from './options.ts';
import { signRequest } from './sign-request.ts';
import { ServerClock } from './signing/clock.ts';
import { Signer, UNSIGNED_PAYLOAD } from './signing/sigv4.ts';
import type { CredentialProvider, S3ConnectionOptions, S3Endpoint } from './types.ts';

/** One request, as whoever tries out a store writes it. */
export interface SignedRequest {
  /** What it is for, as errors name it. */
  readonly operation: Operation;
  readonly method: 'GET' | 'HEAD' | 'PUT' | 'POST' | 'DELETE';
  /** Empty for the bucket itself. */
  readonly key: string;
  /** Escaped, sorted by name, every name with its `=`. Default: none. */
  readonly query?: string | undefined;
  /** Name and value in turn, lower case. Those of `x-amz-` are signed. */
  readonly headers?: readonly string[] | undefined;
  readonly body?: Uint8Array | undefined;
  readonly signal: AbortSignal;
}

/** An answer, whatever it is. */
export interface SignedAnswer {
  readonly status: number;
  readonly headers: ResponseHeaders;
  /** At most 64 KiB of it. */
  readonly body: Uint8Array;
  /** Of an error document; empty for any other body. */
  readonly document: ErrorDocument;
  readonly protocol: 'http/1.1' | 'h2';
}

/** Single requests to one bucket, signed and sent as they are written, and not repeated: for finding out what a store does with them. */
export interface SignedRequests {
  /** Rejects only where no answer came: with the error that a backend would give. */
  send(request: SignedRequest): Promise<SignedAnswer>;
  /** What an answer other than success means to a backend. */
  judge(request: Pick<SignedRequest, 'operation'>, answer: SignedAnswer): 'miss' | KvferryError;
  /** CRC32C of these bytes, in base64, as the header has it. */
  crc32c(bytes: Uint8Array): string;
  /** Whose requests they are, without a secret. */
  readonly identity: string;
  close(): Promise<void>;
}

/** Opens the way to a bucket. Asks for credentials, and does not ask the store. */
export async function signedRequests(
  endpoint: S3Endpoint,
  credentials: CredentialProvider,
  options: S3ConnectionOptions,
  signal: AbortSignal,
): Promise<SignedRequests> {
  const [ca, checksums] = await orAborted(Promise.all([resolveCa(options), loadDigests(), credentials.get()]), signal);
  const wire = makeWire({ timeouts: options.timeouts, ca, http2: options.http2 });
  return new OpenRequests(endpoint, credentials, wire, checksums);
}

class OpenRequests implements SignedRequests {
  readonly #credentials: CredentialProvider;
  readonly #wire: WireClient;
  readonly #checksums: Checksums;
  readonly #target: RequestTarget;
  readonly #context: ErrorContext;
  readonly #signer: Signer;
  readonly #clock = new ServerClock();

  constructor(endpoint: S3Endpoint, credentials: CredentialProvider, wire: WireClient, checksums: Checksums) {
    this.#credentials = credentials;
    this.#wire = wire;
    this.#checksums = checksums;
    this.#target = requestTarget(endpoint);
    this.#context = {
      endpoint,
      get identity() {
        return credentials.describe();
      },
    };
    this.#signer = new Signer({ region: endpoint.region, service: 's3', tokenHeader: 'x-amz-security-token' });
  }

  get identity(): string {
    return this.#credentials.describe();
  }

  async send(request: SignedRequest): Promise<SignedAnswer> {
    const signedAtMs = this.#clock.now();
    const answer = await this.#sendOnce(request, signedAtMs);
    // A clock that is wrong says nothing about the store.
    const corrected = answer.status === 403 && this.#clock.correct(answer.headers.get('date'), signedAtMs);
    return corrected ? await this.#sendOnce(request, this.#clock.now()) : answer;
  }

  judge({ operation }: Pick<SignedRequest, 'operation'>, answer: SignedAnswer): 'miss' | KvferryError {
    const { document, headers, status } = answer;
    return judgeAnswer({ operation, status, document, headers }, this.#context);
  }

  crc32c(bytes: Uint8Array): string {
    return crc32cOf(this.#checksums, [bytes]);
  }

  close(): Promise<void> {
    return this.#wire.close();
  }

  async #sendOnce(request: SignedRequest, signedAtMs: number): Promise<SignedAnswer> {
    const { body, key, method, operation, query, signal } = request;
    const signedHeaders: string[] = [];
    const plainHeaders: string[] = [];
    const given = request.headers ?? [];
    for (let i = 0; i < given.length; i += 2) {
      const name = given[i] as string;
      (name.startsWith('x-amz-') ? signedHeaders : plainHeaders).push(name, given[i + 1] as string);
    }
    try {
      const credentials = await orAborted(Promise.resolve(this.#credentials.get(signal)), signal);
      const { headers, path } = signRequest(
        { method, key, query, signedHeaders, plainHeaders },
        { signer: this.#signer, target: this.#target, credentials, payloadHash: UNSIGNED_PAYLOAD, nowMs: signedAtMs },
      );
      const response = await this.#wire.request({
        origin: this.#target.origin,
        method,
        path,
        headers,
        body: body === undefined ? undefined : [body],
        signal,
      });
      const isError = response.status >= 300 && method !== 'HEAD';
      return {
        status: response.status,
        headers: response.headers,
        body: response.body,
        document: isError ? readErrorDocument(response.body) : {},
        protocol: response.protocol,
      };
    } catch (thrown) {
      throw KvferryError.from(errorOfWire(thrown, operation, this.#context), { operation });
    }
  }
}
