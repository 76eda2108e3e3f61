import { KvferryError, type Operation } from '@kvferry/core';
import { type WireClient, WireError, type WireResponse } from '@kvferry/wire';
import { abortedError, laterThan, orAborted } from './abort.ts';
import { admit } from './admission.ts';
import { type Attempt, type Attempts, Refusal } from './attempts.ts';
import type { RequestTarget } from './endpoint.ts';
import { readErrorDocument } from './error-body.ts';
import { type ErrorContext, errorOfWire, judgeAnswer, type StoreAnswer } from './errors.ts';
import type { Limiter, Turn } from './limiter.ts';
import { type RequestHead, signRequest } from './sign-request.ts';
import type { ServerClock } from './signing/clock.ts';
import type { Signer } from './signing/sigv4.ts';
import { publishRecord, recordsWanted } from './telemetry.ts';
import type { CredentialProvider, SigningCredentials } from './types.ts';

/** One object request, as an operation describes it. */
export interface ObjectRequest<Result> extends RequestHead {
  readonly operation: Operation;
  /** As the signature covers it. Default: that of every request without a payload. */
  readonly payloadHash?: string | undefined;
  readonly body?: readonly Uint8Array[] | undefined;
  readonly into?: Uint8Array | undefined;
  /** Name of the digest to take of the body as it arrives in `into`. */
  readonly digest?: string | undefined;
  readonly signal: AbortSignal;
  /** How long it may go on when `signal` fires and it is on the wire already, in milliseconds, for one that is not to be lost there. Default 0. */
  readonly graceMs?: number | undefined;
  /** Where it waits for a slot. Default `last`. */
  readonly turn?: Turn | undefined;
  /** Shares no connection with what came before, at the first attempt already. */
  readonly freshConnection?: boolean | undefined;
  /**
   * Result of an answer that this operation knows; `undefined` for one that is to be judged as an error. Throws for one
   * that is a lie.
   */
  accept(response: WireResponse): Result | undefined;
  /** What an absent key means; `undefined` for a put, to which it is no answer. */
  readonly onMiss: Result | undefined;
}

/** What the data plane works with; made by whoever opens a backend. */
export interface DataPlaneParts {
  /** The backend in telemetry, as `scheme://namespace`. */
  readonly backend: string;
  readonly target: RequestTarget;
  readonly wire: WireClient;
  /**
   * Makes a client without connections, for an attempt that is to share nothing with the one before. Closed after it.
   */
  readonly makeFreshWire: (() => WireClient) | undefined;
  /** Called when an answer comes by another protocol than the one before, or for the first time. */
  readonly onProtocol: (protocol: WireResponse['protocol']) => void;
  readonly signer: Signer;
  /** What signatures say of a request without a payload. */
  readonly emptyPayloadHash: string;
  readonly clock: ServerClock;
  readonly credentials: CredentialProvider;
  readonly limiter: Limiter;
  readonly attempts: Attempts;
  readonly context: ErrorContext;
}

/** Object requests over our own wire: GET, PUT, HEAD and single DELETE, signed, counted, repeated. */
export class DataPlane {
  readonly #parts: DataPlaneParts;
  /** Whether the store has shown that it has the bucket. Before that, a HEAD's 404 may mean either. */
  #bucketSeen = false;
  #bucketCheck: Promise<StoreAnswer> | undefined;
  #protocol: WireResponse['protocol'] | undefined;

  constructor(parts: DataPlaneParts) {
    this.#parts = parts;
  }

  /** Sends a request until it is answered or given up. */
  request<Result>(request: ObjectRequest<Result>): Promise<Result> {
    return this.#parts.attempts.run(request.signal, (attempt) => this.#attempt(request, attempt));
  }

  /** Repeats work that takes several requests, by the rules that each of them has. */
  repeat<Result>(signal: AbortSignal, work: (attempt: Attempt) => Promise<Result>): Promise<Result> {
    return this.#parts.attempts.run(signal, work);
  }

  async #attempt<Result>(request: ObjectRequest<Result>, attempt: Attempt): Promise<Result> {
    const sent = await this.#send(request, attempt);
    let error: KvferryError | undefined;
    try {
      const result = request.accept(sent.response);
      if (result !== undefined) {
        this.#bucketSeen = true;
        return result;
      }
      const isHead = request.method === 'HEAD';
      if (isHead && sent.response.status === 404 && this.#bucketSeen) return missOf(request);
      const answer = isHead ? await this.#explainHead(request, sent) : answerOf(request, sent.response);
      if (answer.document.code === 'NoSuchKey') this.#bucketSeen = true;
      const verdict = judgeAnswer(answer, this.#parts.context);
      if (verdict === 'miss') return missOf(request);
      error = verdict;
      throw new Refusal(verdict, answer, sent.signedAtMs, sent.credentials);
    } catch (thrown) {
      error ??= KvferryError.from(thrown);
      throw thrown;
    } finally {
      if (recordsWanted()) this.#record(request, attempt.number, sent, error);
    }
  }

  /** Makes one request, from its slot to its answer, whatever that is. */
  async #send<Result>(request: ObjectRequest<Result>, attempt: Attempt): Promise<Sent> {
    const { limiter, signer, clock, target, wire, makeFreshWire, emptyPayloadHash } = this.#parts;
    const admission = admit(limiter, this.#parts.credentials, request.signal, request.turn);
    const credentials = admission instanceof Promise ? await admission : admission;
    const startMs = performance.now();
    let fresh: WireClient | undefined;
    let grace: ReturnType<typeof laterThan> | undefined;
    try {
      if (request.graceMs !== undefined) {
        if (request.signal.aborted) throw abortedError(request.signal);
        grace = laterThan(request.signal, request.graceMs);
      }
      if (attempt.freshConnection || request.freshConnection) fresh = makeFreshWire?.();
      // After the slot: a request may have waited for it long enough for its date to grow stale.
      const signedAtMs = clock.now();
      const payloadHash = request.payloadHash ?? emptyPayloadHash;
      const { headers, path } = signRequest(request, { signer, target, credentials, payloadHash, nowMs: signedAtMs });
      const response = await (fresh ?? wire).request({
        origin: target.origin,
        method: request.method,
        path,
        headers,
        body: request.body,
        into: request.into,
        digest: request.digest,
        signal: grace?.signal ?? request.signal,
      });
      if (response.protocol !== this.#protocol) {
        this.#protocol = response.protocol;
        this.#parts.onProtocol(response.protocol);
      }
      return { response, startMs, signedAtMs, credentials };
    } catch (thrown) {
      const error = errorOfWire(thrown, request.operation, this.#parts.context);
      if (recordsWanted()) this.#recordLost(request, attempt.number, startMs, thrown, error.code);
      throw error;
    } finally {
      limiter.release();
      grace?.release();
      if (fresh !== undefined) await fresh.close();
    }
  }

  /**
   * Finds out what a HEAD's answer means, which has no body: by a GET of the first byte. A 5xx or 429 needs none, and a
   * 404 none once the bucket was seen.
   */
  async #explainHead<Result>(request: ObjectRequest<Result>, asked: Sent): Promise<StoreAnswer> {
    const head = asked.response;
    if (head.status >= 500 || head.status === 429 || head.status === 408) return answerOf(request, head);
    if (head.status !== 404) return this.#askFirstByte(request, asked);
    // Many HEADs may be waiting for the first answer of a store: one of them asks.
    if (this.#bucketCheck === undefined) {
      this.#bucketCheck = this.#askFirstByte(request, asked).finally(() => {
        this.#bucketCheck = undefined;
      });
      return this.#bucketCheck;
    }
    const shared = await orAborted(
      this.#bucketCheck.catch(() => undefined),
      request.signal,
    );
    const conclusive = shared?.document.code === 'NoSuchKey' || shared?.document.code === 'NoSuchBucket';
    return shared !== undefined && conclusive ? shared : this.#askFirstByte(request, asked);
  }

  async #askFirstByte<Result>(request: ObjectRequest<Result>, asked: Sent): Promise<StoreAnswer> {
    const question: ObjectRequest<never> = {
      operation: request.operation,
      method: 'GET',
      key: request.key,
      signedHeaders: [],
      plainHeaders: ['range', 'bytes=0-0'],
      signal: request.signal,
      accept: () => undefined,
      onMiss: undefined,
    };
    const sent = await this.#send(question, firstAttempt);
    if (recordsWanted()) this.#record(question, firstAttempt.number, sent, undefined);
    const { response } = sent;
    // An object of no bytes has no first byte: 416, and it is there. Then the HEAD's own status is all there is to go
    // by, except that an object which appeared between the two is worth another look.
    const isThere = response.status === 200 || response.status === 206 || response.status === 416;
    if (!isThere) return answerOf(request, response);
    const head = asked.response;
    if (head.status === 404) {
      const document = { message: 'the object appeared while it was looked for' };
      return { ...answerOf(request, head), status: 503, document };
    }
    // Refused, and allowed a moment later under credentials that came in between: the first ones had ended.
    if (sent.credentials !== asked.credentials) {
      return { ...answerOf(request, head), document: { code: 'ExpiredToken', message: 'renewed meanwhile' } };
    }
    return answerOf(request, head);
  }

  #record<Result>(
    request: ObjectRequest<Result>,
    attempt: number,
    { response, startMs }: Sent,
    error: KvferryError | undefined,
  ): void {
    publishRecord({
      backend: this.#parts.backend,
      method: request.method,
      key: request.key,
      attempt,
      startMs,
      firstByteMs: response.timing.firstByteMs,
      endMs: response.timing.endMs,
      bytes: request.body === undefined ? response.bodyBytes : byteLengthOf(request.body),
      httpStatus: response.status,
      protocol: response.protocol,
      errorCode: error?.code,
      remoteAddress: response.remoteAddress,
    });
  }

  #recordLost<Result>(
    request: ObjectRequest<Result>,
    attempt: number,
    startMs: number,
    thrown: unknown,
    errorCode: string,
  ): void {
    publishRecord({
      backend: this.#parts.backend,
      method: request.method,
      key: request.key,
      attempt,
      startMs,
      firstByteMs: 0,
      endMs: performance.now(),
      bytes: 0,
      httpStatus: WireError.is(thrown) ? (thrown.status ?? 0) : 0,
      protocol: undefined,
      errorCode,
      remoteAddress: WireError.is(thrown) ? thrown.remoteAddress : undefined,
    });
  }
}

interface Sent {
  readonly response: WireResponse;
  readonly startMs: number;
  readonly signedAtMs: number;
  readonly credentials: SigningCredentials;
}

const firstAttempt: Attempt = { number: 1, freshConnection: false };

/** `judgeAnswer` speaks of a miss only where the operation has an answer for it. */
function missOf<Result>(request: ObjectRequest<Result>): Result {
  return request.onMiss as Result;
}

function answerOf<Result>(request: ObjectRequest<Result>, response: WireResponse): StoreAnswer {
  return {
    operation: request.operation,
    status: response.status,
    document: readErrorDocument(response.body),
    headers: response.headers,
  };
}

/** Bytes of a gather list. */
export function byteLengthOf(parts: readonly Uint8Array[]): number {
  let bytes = 0;
  for (const part of parts) bytes += part.byteLength;
  return bytes;
}
