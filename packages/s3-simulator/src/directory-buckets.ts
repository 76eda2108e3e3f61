/** What the directory buckets of S3 Express One Zone do otherwise than general purpose buckets. */

import { randomBytes } from 'node:crypto';
import { failure } from './failures.ts';
import type { Call } from './operations/call.ts';
import type { Access } from './signatures.ts';
import type { QueryParameter } from './uri.ts';

/** Whether this name makes a bucket a directory bucket. */
export function isDirectoryBucket(name: string): boolean {
  return name.endsWith('--x-s3');
}

/** Whether a directory bucket may have this name: `base--zone--x-s3`, 3 to 63 characters, no dots ("Directory bucket naming rules" in the S3 user guide). */
export function isDirectoryBucketName(name: string): boolean {
  return name.length <= 63 && /^[a-z0-9][a-z0-9-]*--[a-z0-9]+(-[a-z0-9]+)+--x-s3$/.test(name);
}

/**
 * Who may ask for this. In a directory bucket nearly everything goes under a session; opening one, the bucket itself and copies go by credentials, and
 * HeadBucket by either: the reference asks for credentials, and the SDKs send a session. Signatures are for the service `s3express`.
 */
export function accessOf(request: {
  readonly method: string;
  readonly bucketName: string;
  readonly key: string;
  readonly query: readonly QueryParameter[];
  header(name: string): string | undefined;
}): Access {
  const { bucketName, key, method, query } = request;
  if (!isDirectoryBucket(bucketName)) return { service: 's3', by: 'credentials' };
  const ofBucket = key === '';
  if (ofBucket && method === 'HEAD') return { service: 's3express', by: 'either', bucket: bucketName, changes: false };
  const opensSession = method === 'GET' && query.some(({ name }) => name === 'session');
  const isCopy = method === 'PUT' && request.header('x-amz-copy-source') !== undefined;
  if (ofBucket ? opensSession || method === 'PUT' || method === 'DELETE' : isCopy) {
    return { service: 's3express', by: 'credentials' };
  }
  return { service: 's3express', by: 'session', bucket: bucketName, changes: method !== 'GET' && method !== 'HEAD' };
}

/** Throws for a request that a directory bucket does not take, and a general purpose one does. */
export function checkDirectoryCall(call: Call): void {
  if (!isDirectoryBucket(call.bucketName)) return;
  // DeleteObjects may still have it.
  if (call.method === 'PUT' && call.header('content-md5') !== undefined) {
    throw failure('NotImplemented', 'This bucket takes no Content-MD5.', { Header: 'Content-MD5' });
  }
  const storageClass = call.header('x-amz-storage-class');
  if (storageClass !== undefined && storageClass !== 'EXPRESS_ONEZONE') {
    throw failure('InvalidStorageClass', undefined, { StorageClassRequested: storageClass });
  }
  if (call.query.some(({ name }) => name === 'location')) {
    throw failure('NotImplemented', 'A directory bucket does not have ?location.');
  }
}

/** Throws for a listing that a directory bucket does not take. */
export function checkDirectoryListing(query: {
  readonly prefix: string;
  readonly delimiter: string;
  readonly startAfter: string | undefined;
}): void {
  if (query.prefix !== '' && !query.prefix.endsWith('/')) {
    throw failure('InvalidRequest', 'This bucket takes only prefixes that end in the delimiter, /.');
  }
  if (query.delimiter !== '' && query.delimiter !== '/') {
    throw failure('InvalidRequest', 'This bucket takes only / as the delimiter.');
  }
  if (query.startAfter !== undefined) {
    throw failure('NotImplemented', 'This bucket is listed in no order, so it does not have start-after.');
  }
}

/** An entity tag as directory buckets have it: it says nothing of the content, and no two writes have the same. */
export function randomEntityTag(): string {
  return randomBytes(16).toString('hex');
}
