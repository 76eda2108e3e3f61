import { type Batch, type DeleteResult, type Key, KvferryError } from '@kvferry/core';
import type { WireResponse } from '@kvferry/wire';
import type { ControlPlane } from '../control-plane.ts';
import type { DataPlane } from '../data-plane.ts';
import { type ErrorContext, judgeAnswer } from '../errors.ts';

/** DELETE of one object on the wire. S3 answers 204 whether or not it was there. */
export function deleteObject(plane: DataPlane, key: Key, signal: AbortSignal): Promise<DeleteResult> {
  return plane.request({
    operation: 'delete',
    method: 'DELETE',
    key,
    signedHeaders: none,
    plainHeaders: none,
    signal,
    accept,
    onMiss: deleted,
  });
}

const none: readonly string[] = [];
const deleted: DeleteResult = { status: 'deleted' };

function accept(response: WireResponse): DeleteResult | undefined {
  return response.status === 204 || response.status === 200 ? deleted : undefined;
}

/** What S3 takes in one DeleteObjects. */
const MAX_BULK_KEYS = 1000;

/**
 * DeleteObjects: a thousand keys a request, each answered for itself. A key of white space alone goes by itself: directory
 * buckets refuse all keys of a request that has one.
 */
export async function deleteObjects(
  plane: ControlPlane,
  single: DataPlane,
  batch: Batch<Key, DeleteResult>,
  context: ErrorContext,
): Promise<void> {
  for (let start = 0; start < batch.items.length && !batch.signal.aborted; start += MAX_BULK_KEYS) {
    const keys = batch.items.slice(start, start + MAX_BULK_KEYS);
    const blank = keys.filter(isBlank);
    const others = blank.length === 0 ? keys : keys.filter((key) => !isBlank(key));
    const failures = others.length === 0 ? new Map() : await deleteBulk(plane, others, batch.signal, context);
    for (const key of blank) {
      await deleteObject(single, key, batch.signal).catch((thrown) => failures.set(key, KvferryError.from(thrown)));
    }
    keys.forEach((key, offset) => {
      const error = failures.get(key);
      batch.settle(start + offset, error === undefined ? deleted : { status: 'failed', error });
    });
  }
}

function isBlank(key: Key): boolean {
  return key.trim() === '';
}

async function deleteBulk(
  plane: ControlPlane,
  keys: readonly Key[],
  signal: AbortSignal,
  context: ErrorContext,
): Promise<Map<Key, KvferryError>> {
  const failures = new Map<Key, KvferryError>();
  try {
    const asked = new Set(keys);
    const Objects = Array.from(asked, (Key) => ({ Key }));
    const output = await plane.send('delete', signal, ({ sdk, client, bucket, options }) =>
      // Quiet: only what could not be deleted is answered.
      client.send(new sdk.DeleteObjectsCommand({ Bucket: bucket, Delete: { Objects, Quiet: true } }), options),
    );
    for (const { Key, Code, Message } of output.Errors ?? []) {
      // Empty where the store speaks of the whole request, as some do. Then any of them may still be there.
      if (Key === undefined || !asked.has(Key))
        throw new KvferryError('UNKNOWN', `the store could not delete, and does not say what: ${Code}`);
      const document = { code: Code, message: Message };
      const verdict = judgeAnswer({ operation: 'delete', status: 0, document, headers: new Map() }, context);
      if (verdict !== 'miss') failures.set(Key, verdict);
    }
  } catch (thrown) {
    // One answer for all: none of these keys is known to be gone.
    const error = KvferryError.from(thrown);
    for (const key of keys) failures.set(key, error);
  }
  return failures;
}
