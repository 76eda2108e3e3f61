import { createHash } from 'node:crypto';
import { KvferryError, type PutItem, type PutMode, type PutResult } from '@kvferry/core';
import type { WireResponse } from '@kvferry/wire';
import { type Checksums, crc32cOf } from '../checksum.ts';
import type { DataPlane } from '../data-plane.ts';
import { isErrorDocument } from '../error-body.ts';
import { UNSIGNED_PAYLOAD } from '../signing/sigv4.ts';

/** How a put's payload is protected. */
export interface PayloadProtection {
  /** Source of the checksum sent along; `undefined` where the store takes none. */
  readonly checksums: Checksums | undefined;
  readonly payloadSigning: 'unsigned' | 'sha256';
}

/** PUT: the whole value in one request. Its checksums are taken once, before the first attempt. */
export function putObject(
  plane: DataPlane,
  item: PutItem,
  mode: PutMode,
  { checksums, payloadSigning }: PayloadProtection,
  signal: AbortSignal,
): Promise<PutResult> {
  return plane.request({
    operation: 'put',
    method: 'PUT',
    key: item.key,
    signedHeaders: checksums === undefined ? none : ['x-amz-checksum-crc32c', crc32cOf(checksums, item.parts)],
    plainHeaders: mode === 'create' ? createHeaders : replaceHeaders,
    payloadHash: payloadHashOf(payloadSigning, item.parts),
    body: item.parts,
    signal,
    accept,
    onMiss: undefined,
  });
}

const none: readonly string[] = [];
const replaceHeaders: readonly string[] = ['content-type', 'application/octet-stream'];
const createHeaders: readonly string[] = [...replaceHeaders, 'if-none-match', '*'];
const stored: PutResult = { status: 'stored' };
const exists: PutResult = { status: 'exists' };

function accept(response: WireResponse): PutResult | undefined {
  // Only a create can be answered so: nothing else sends a condition.
  if (response.status === 412) return exists;
  // S3 answers 200. Another 2xx is no promise that the object is there.
  if (response.status !== 200) return undefined;
  if (response.bodyBytes > 0 && isErrorDocument(new TextDecoder().decode(response.body))) {
    throw new KvferryError('UNAVAILABLE', 'the store answered 200 with an error document', {
      httpStatus: response.status,
      requestId: response.headers.get('x-amz-request-id'),
    });
  }
  return stored;
}

/** What the signature says of a payload. */
export function payloadHashOf(
  payloadSigning: PayloadProtection['payloadSigning'],
  parts: readonly Uint8Array[],
): string {
  if (payloadSigning === 'unsigned') return UNSIGNED_PAYLOAD;
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest('hex');
}
