import { BUCKET, checkedUploadKey, objectKey, uploadKey } from '../objects.ts';
import type { SessionOptions } from './types.ts';

/** Key of a slot's object. For HEAD, where there are more slots than objects, slots share them. */
export function keyOf({ cell, upload, target }: SessionOptions, slot: number): string {
  const index = slot % target.objectsPerSize;
  if (cell.operation === 'PUT') {
    return upload === 'checked' ? checkedUploadKey(cell.bytes, index) : uploadKey(cell.bytes, index);
  }
  return objectKey(cell.bytes, index);
}

/** Path of a slot's object, bucket first. */
export function pathOf(options: SessionOptions, slot: number): string {
  return `/${BUCKET}/${keyOf(options, slot)}`;
}

/** Where the server answers in the session's scheme. */
export function originOf({ cell, target }: SessionOptions): string {
  return cell.scheme === 'http' ? `http://127.0.0.1:${target.httpPort}` : `https://127.0.0.1:${target.httpsPort}`;
}

/** Throws unless the answer is 200 and carried what it should. */
export function expectAnswer({ cell }: SessionOptions, status: number | undefined, bodyBytes: number): void {
  const expected = cell.operation === 'GET' ? cell.bytes : 0;
  if (status !== 200 || bodyBytes !== expected) {
    throw new Error(`${cell.operation}: status ${status}, ${bodyBytes} of ${expected} body bytes`);
  }
}
