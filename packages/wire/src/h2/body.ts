import { WireError } from '../errors.ts';
import type { ReaderLimits } from '../response-reader.ts';
import type { Digest } from '../types.ts';

/** What a response's head says of the body behind it, and where that is to go. */
export interface BodyPlan {
  readonly status: number;
  /** Announced bytes; `undefined` where the end of the stream says how many there are. */
  readonly contentLength: number | undefined;
  /** Takes the body of a 2xx response. */
  readonly into: Uint8Array | undefined;
  /** Begun for this body. Sees what goes into `into`. */
  readonly digest: Digest | undefined;
}

/**
 * The body of one response: node:http2 hands it over in pieces of its own, which are copied into the memory lent, or into memory of its own where
 * none is lent, or the status is no 2xx.
 */
export class H2Body {
  /** Bytes that have come. */
  byteLength = 0;
  readonly #plan: BodyPlan;
  readonly #maxOwnBytes: number;
  /** `into`, where the body goes there. */
  readonly #target: Uint8Array | undefined;
  #own: Buffer = nothing;
  #ownBytes = 0;
  #digestedBytes = 0;

  /** Throws BODY_TOO_LARGE where the head says so already. */
  constructor(plan: BodyPlan, limits: ReaderLimits) {
    this.#plan = plan;
    this.#maxOwnBytes = limits.maxErrorBytes;
    this.#target = plan.status < 300 ? plan.into : undefined;
    const { contentLength } = plan;
    if (this.#target !== undefined && contentLength !== undefined && contentLength > this.#target.length) {
      throw this.#tooLarge(contentLength);
    }
  }

  /** What is not in `into`: at most `maxErrorBytes` of it. */
  get own(): Uint8Array {
    return this.#own.subarray(0, this.#ownBytes);
  }

  /** Whether as much has come as was announced; `false` where nothing was. */
  get isWhole(): boolean {
    return this.byteLength === this.#plan.contentLength;
  }

  /** Takes the next bytes. Answers whether more is of any use. Throws BODY_TOO_LARGE, or what the digest throws. */
  take(bytes: Uint8Array): boolean {
    const target = this.#target;
    if (target === undefined) return this.#keep(bytes);
    const end = this.byteLength + bytes.length;
    if (end > target.length) throw this.#tooLarge(undefined);
    target.set(bytes, this.byteLength);
    this.byteLength = end;
    if (end - this.#digestedBytes >= digestBytes) this.#digest(target);
    return true;
  }

  /** Ends it, and answers its digest where one was asked for and the body is in `into`. */
  finish(): string | undefined {
    const target = this.#target;
    const { digest } = this.#plan;
    if (target === undefined || digest === undefined) return undefined;
    if (this.byteLength > this.#digestedBytes) this.#digest(target);
    return digest.value();
  }

  #digest(target: Uint8Array): void {
    this.#plan.digest?.update(target.subarray(this.#digestedBytes, this.byteLength));
    this.#digestedBytes = this.byteLength;
  }

  #keep(bytes: Uint8Array): boolean {
    this.byteLength += bytes.length;
    const kept = Math.min(bytes.length, this.#maxOwnBytes - this.#ownBytes);
    if (kept > 0) {
      this.#growOwn(this.#ownBytes + kept);
      this.#own.set(bytes.subarray(0, kept), this.#ownBytes);
      this.#ownBytes += kept;
    }
    const mostBytes = this.#maxOwnBytes + maxDroppedBytes;
    if (this.byteLength <= mostBytes) return true;
    this.byteLength = mostBytes;
    return false;
  }

  #growOwn(byteLength: number): void {
    if (byteLength <= this.#own.length) return;
    const wanted = Math.max(byteLength, this.#plan.contentLength ?? this.#own.length * 2);
    const larger = Buffer.allocUnsafe(Math.min(this.#maxOwnBytes, wanted));
    this.#own.copy(larger, 0, 0, this.#ownBytes);
    this.#own = larger;
  }

  #tooLarge(requiredBytes: number | undefined): WireError {
    const length = requiredBytes === undefined ? 'longer than' : `${requiredBytes} bytes, more than`;
    const lent = this.#target?.length ?? 0;
    return new WireError('BODY_TOO_LARGE', `the body is ${length} the ${lent} bytes lent for it`, {
      requiredBytes,
      status: this.#plan.status,
    });
  }
}

/** Pieces come in 16 KiB at most, one frame's worth; a digest is called for as many as stay in the processor's cache. */
const digestBytes = 262_144;
/** What is read past before the stream is given up, as over HTTP/1.1. */
const maxDroppedBytes = 1_048_576;
const nothing: Buffer = Buffer.alloc(0);
