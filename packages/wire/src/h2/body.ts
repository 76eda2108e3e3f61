import { bodyTooLargeError, type WireError } from '../errors.ts';
import { KeptBody } from '../kept-body.ts';
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
  /** `into`, where the body goes there. */
  readonly #target: Uint8Array | undefined;
  readonly #kept: KeptBody;
  #digestedBytes = 0;

  /** Throws BODY_TOO_LARGE where the head says so already. */
  constructor(plan: BodyPlan, limits: ReaderLimits) {
    this.#plan = plan;
    this.#kept = new KeptBody(limits);
    this.#target = plan.status < 300 ? plan.into : undefined;
    const { contentLength } = plan;
    if (this.#target !== undefined && contentLength !== undefined && contentLength > this.#target.length) {
      throw this.#tooLarge(contentLength);
    }
  }

  /** What is not in `into`: at most `maxErrorBytes` of it. */
  get own(): Uint8Array {
    return this.#kept.bytes;
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
    this.#kept.add(bytes, this.#plan.contentLength);
    const { mostReadBytes } = this.#kept;
    if (this.byteLength <= mostReadBytes) return true;
    this.byteLength = mostReadBytes;
    return false;
  }

  #tooLarge(requiredBytes: number | undefined): WireError {
    return bodyTooLargeError(this.#target?.length ?? 0, requiredBytes, this.#plan.status);
  }
}

/** Pieces come in 16 KiB at most, one TLS record's worth; a digest is called for as many as stay in the processor's cache. */
const digestBytes = 262_144;
