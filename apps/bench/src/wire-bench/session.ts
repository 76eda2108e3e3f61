import type { PlainAccess, SessionOptions } from '../clients/types.ts';
import type { S3Access } from '../stores/types.ts';
import type { Target } from './messages.ts';
import { BUCKET, checkedUploadKey, objectKey, uploadKey } from './objects.ts';
import type { Cell, Verify } from './plan.ts';

/** What our own clients know beside what all do. */
export interface WireOptions extends SessionOptions {
  readonly target: Target;
  readonly verify: Verify;
}

/** A cell as its clients see it. `upload`: which kind of key the bodies of a PUT go to. */
export function wireOptions(
  target: Target,
  cell: Cell,
  verify: Verify,
  upload: 'counted' | 'checked',
  buffers: readonly Uint8Array[],
): WireOptions {
  // For HEAD, where there are more slots than objects, slots share them.
  const keys = Array.from({ length: target.objectsPerSize }, (_, index) => keyOf(cell, upload, index));
  const endpoint =
    cell.scheme === 'http' ? `http://127.0.0.1:${target.httpPort}` : `https://127.0.0.1:${target.httpsPort}`;
  const store: S3Access = {
    endpoint,
    addressing: 'path',
    region: 'us-east-1',
    bucket: BUCKET,
    ca: target.ca,
    credentials: { accessKeyId: 'wire-bench', secretAccessKey: 'wire-bench-secret' },
    isExpress: false,
  };
  // The server checks no signature.
  const plain: PlainAccess = { origin: endpoint, paths: keys.map((key) => `/${BUCKET}/${key}`) };
  return {
    operation: cell.operation,
    store,
    keys,
    plain,
    objectBytes: cell.bytes,
    concurrency: cell.concurrency,
    maxAttempts: 1,
    buffers,
    target,
    verify,
  };
}

function keyOf({ bytes, operation }: Cell, upload: 'counted' | 'checked', index: number): string {
  if (operation !== 'PUT') return objectKey(bytes, index);
  return upload === 'checked' ? checkedUploadKey(bytes, index) : uploadKey(bytes, index);
}
