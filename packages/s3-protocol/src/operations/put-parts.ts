import { hash } from 'node:crypto';
import { type Key, KvferryError, type PutItem, type PutMode, type PutResult } from '@kvferry/core';
import type { WireResponse } from '@kvferry/wire';
import { abortedError } from '../abort.ts';
import { crc32cOf } from '../checksum.ts';
import { combineCrcs } from '../crc-combine.ts';
import { byteLengthOf, type DataPlane } from '../data-plane.ts';
import { escapeQueryValue } from '../endpoint.ts';
import { readErrorDocument } from '../error-body.ts';
import { sliceParts } from '../gather.ts';
import { type PartPlan, partAt, partPlan } from '../part-plan.ts';
import { together } from '../together.ts';
import type { Turns } from '../turns.ts';
import type { MultipartProfile } from '../types.ts';
import { completeDocument, isCompleteResult, type UploadedPart, uploadIdOf } from '../upload-documents.ts';
import { headObject } from './head.ts';
import { type PayloadProtection, payloadHashOf } from './put.ts';

/** How one open backend writes large values. */
export interface PartedWriteParts {
  readonly plane: DataPlane;
  readonly multipart: MultipartProfile;
  readonly protection: PayloadProtection;
  /** Parts of one value on their way, or waiting for their turn, at once. */
  readonly width: number;
  readonly turns: Turns;
}

/** Uploads that lost to another writer and are begun again, at most: S3 asks for all of it to be repeated then. */
const MAX_UPLOADS = 3;

/**
 * How long a call that has ended may go on, in milliseconds, to leave nothing behind: for the answer that names its upload, and for the request that
 * aborts it. A round trip takes 30 ms; a store that takes longer is not waited for.
 */
const CLEAN_UP_MS = 1000;

/**
 * How long parts that are on their way are waited for, in milliseconds, before their upload is aborted: one that is taken at the same time may be kept
 * all the same, and paid for (API reference of AbortMultipartUpload; five of 300 uploads to versitygw 1.8.0).
 */
const PARTS_UNDER_WAY_MS = 500;

/**
 * PUT in parts side by side, as views of the gather list. Each part has its checksum, and the whole one that follows from theirs. Readers see the old value
 * until the new one is complete. An upload that does not come to that is aborted, so that no part of it is kept, and paid for; only one whose name never
 * arrived stays, for the bucket's lifecycle rule to remove.
 */
export class PartedWrites {
  readonly #parts: PartedWriteParts;

  constructor(parts: PartedWriteParts) {
    this.#parts = parts;
  }

  /** Whether a value is to be written here. */
  takes({ parts }: PutItem): boolean {
    return byteLengthOf(parts) > this.#parts.multipart.thresholdBytes;
  }

  async put(item: PutItem, mode: PutMode, signal: AbortSignal): Promise<PutResult> {
    for (let upload = 1; upload <= MAX_UPLOADS; upload += 1) {
      const outcome = await this.#upload(item, mode, signal);
      if (outcome !== 'conflict') return { status: outcome };
    }
    throw new KvferryError('UNAVAILABLE', `other writers of this key were in the way ${MAX_UPLOADS} times`, {
      httpStatus: 409,
      retry: 'exhausted',
    });
  }

  async #upload(item: PutItem, mode: PutMode, signal: AbortSignal): Promise<Outcome> {
    const { plane } = this.#parts;
    const { key } = item;
    const plan = partPlan(byteLengthOf(item.parts), this.#parts.multipart);
    const uploadId = await this.#begin(key, signal);
    let outcome: Outcome | undefined;
    try {
      if (signal.aborted) throw abortedError(signal);
      const parts = await this.#sendParts(item, uploadId, plan, signal);
      outcome = await this.#complete(key, uploadId, plan, parts, mode, signal);
      return outcome;
    } finally {
      if (outcome !== 'stored') await abortUpload(plane, key, uploadId);
    }
  }

  /** CreateMultipartUpload. Once sent it is not aborted with the call: an upload whose name nobody has cannot be aborted. */
  #begin(key: Key, signal: AbortSignal): Promise<string> {
    const { multipart, plane, protection } = this.#parts;
    const signedHeaders: string[] = [];
    if (protection.checksums !== undefined) {
      signedHeaders.push('x-amz-checksum-algorithm', 'CRC32C');
      if (multipart.fullObjectChecksum) signedHeaders.push('x-amz-checksum-type', 'FULL_OBJECT');
    }
    return plane.request<string>({
      operation: 'put',
      method: 'POST',
      key,
      query: 'uploads=',
      signedHeaders,
      plainHeaders: ['content-type', 'application/octet-stream'],
      signal,
      graceMs: CLEAN_UP_MS,
      accept: ({ status, body }) => (status === 200 ? uploadIdOf(body) : undefined),
      onMiss: undefined,
    });
  }

  /** UploadPart, for all parts. When it settles, none of them is under way. */
  async #sendParts(
    { key, parts }: PutItem,
    uploadId: string,
    plan: PartPlan,
    signal: AbortSignal,
  ): Promise<UploadedPart[]> {
    const { plane, protection, turns, width } = this.#parts;
    const { checksums, payloadSigning } = protection;
    const taken = new Array<UploadedPart>(plan.count);
    await together<void>(signal, async (group) => {
      let next = 0;
      const lane = async (): Promise<void> => {
        while (next < plan.count) {
          const index = next++;
          const { start, end } = partAt(plan, index);
          const body = sliceParts(parts, start, end);
          // The checksum of 16 MiB keeps the thread for a millisecond.
          await turns.next();
          if (group.signal.aborted) throw abortedError(group.signal);
          const checksum = checksums === undefined ? undefined : crc32cOf(checksums, body);
          const etag = await plane.request<string>({
            operation: 'put',
            method: 'PUT',
            key,
            query: `partNumber=${index + 1}&uploadId=${escapeQueryValue(uploadId)}`,
            signedHeaders: checksum === undefined ? [] : ['x-amz-checksum-crc32c', checksum],
            plainHeaders: [],
            payloadHash: payloadHashOf(payloadSigning, body),
            body,
            signal: group.signal,
            graceMs: PARTS_UNDER_WAY_MS,
            accept: ({ status, headers }) => (status === 200 ? headers.get('etag') : undefined),
            onMiss: undefined,
          });
          taken[index] = { etag, crc32c: checksum };
        }
      };
      const lanes = Array.from({ length: Math.min(width, plan.count) }, () => group.start(lane));
      await Promise.all(lanes);
    });
    return taken;
  }

  /** CompleteMultipartUpload, until it is known whether the object is there. */
  async #complete(
    key: Key,
    uploadId: string,
    plan: PartPlan,
    parts: readonly UploadedPart[],
    mode: PutMode,
    signal: AbortSignal,
  ): Promise<Outcome> {
    const { multipart, plane } = this.#parts;
    const checksum = multipart.fullObjectChecksum ? wholeCrc32c(plan, parts) : undefined;
    const document = Buffer.from(completeDocument(parts));
    const answer = await plane.request<Outcome | 'gone'>({
      operation: 'put',
      method: 'POST',
      key,
      query: `uploadId=${escapeQueryValue(uploadId)}`,
      signedHeaders:
        checksum === undefined ? [] : ['x-amz-checksum-crc32c', checksum, 'x-amz-checksum-type', 'FULL_OBJECT'],
      plainHeaders: ['content-type', 'application/xml', ...(mode === 'create' ? ['if-none-match', '*'] : [])],
      payloadHash: hash('sha256', document, 'hex'),
      body: [document],
      signal,
      accept: acceptComplete,
      onMiss: undefined,
    });
    if (answer !== 'gone') return answer;
    // Completed by an attempt whose answer was lost, or aborted by somebody else: the object tells.
    const object = await headObject(plane, key, checksum === undefined ? [] : ['crc32c'], signal);
    const isOther = object?.checksum !== undefined && object.checksum.value !== checksum;
    if (object?.byteLength === plan.byteLength && !isOther) return 'stored';
    throw new KvferryError('UNAVAILABLE', 'the store has forgotten the upload, and the value is not there', {
      httpStatus: 404,
    });
  }
}

/** How an upload ended. `conflict`: another writer of the key was at work, and S3 wants all of it again. */
type Outcome = 'stored' | 'exists' | 'conflict';

function acceptComplete({ status, headers, body }: WireResponse): Outcome | 'gone' | undefined {
  // S3 begins its answer before it knows how it ends: an error may come behind a 200.
  const { code } = readErrorDocument(body);
  // Only a create can be answered so: nothing else sends a condition.
  if (status === 412 || code === 'PreconditionFailed') return 'exists';
  if (status === 409 || code === 'ConditionalRequestConflict') return 'conflict';
  if (code === 'NoSuchUpload') return 'gone';
  if (status !== 200) return undefined;
  if (isCompleteResult(body)) return 'stored';
  throw new KvferryError('UNAVAILABLE', `the store answered 200, and then ${code ?? 'nothing that says so'}`, {
    httpStatus: status,
    requestId: headers.get('x-amz-request-id'),
  });
}

/** AbortMultipartUpload. Whatever comes of it, the put has ended as it has. */
async function abortUpload(plane: DataPlane, key: Key, uploadId: string): Promise<void> {
  try {
    await plane.request<'aborted'>({
      operation: 'put',
      method: 'DELETE',
      key,
      query: `uploadId=${escapeQueryValue(uploadId)}`,
      signedHeaders: [],
      plainHeaders: [],
      signal: AbortSignal.timeout(CLEAN_UP_MS),
      // Behind all who wait under load its time would be over.
      turn: 'next',
      accept: ({ status }) => (status === 204 || status === 200 || status === 404 ? 'aborted' : undefined),
      onMiss: undefined,
    });
  } catch {
    // The bucket's lifecycle rule for incomplete uploads is what is left.
  }
}

function wholeCrc32c(plan: PartPlan, parts: readonly UploadedPart[]): string | undefined {
  if (parts.some(({ crc32c }) => crc32c === undefined)) return undefined;
  return combineCrcs(
    'crc32c',
    parts.map(({ crc32c }, index) => {
      const { start, end } = partAt(plan, index);
      return { byteLength: end - start, crc: crc32c ?? '' };
    }),
  );
}
