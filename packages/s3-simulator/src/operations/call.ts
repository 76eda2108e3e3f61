/** What every operation gets, and the helpers that several share. */

import type { BodyRequest } from '../body.ts';
import { receiveBody } from '../body.ts';
import { isDirectoryBucket, randomEntityTag } from '../directory-buckets.ts';
import { type ExtentStore, joinExtents } from '../extents.ts';
import { failure } from '../failures.ts';
import type { Sessions } from '../sessions.ts';
import type { Bucket, Store, WriteConditions } from '../store.ts';
import type { QueryParameter } from '../uri.ts';

/** One authenticated request. */
export interface Call extends BodyRequest {
  readonly method: string;
  readonly bucketName: string;
  readonly key: string;
  readonly query: readonly QueryParameter[];
  /** All headers that S3 keeps with an object. */
  readonly objectHeaders: Readonly<Record<string, string>>;
  readonly server: ServerState;
}

/** What lasts longer than a request. */
export interface ServerState {
  readonly store: Store;
  readonly sessions: Sessions;
  readonly extents: ExtentStore;
  readonly region: string;
  readonly etag: 'crc' | 'md5';
  readonly minPartBytes: number;
  readonly now: () => number;
}

/** A query parameter's value, by exact name. */
export function parameter(call: Call, name: string): string | undefined {
  return call.query.find((entry) => entry.name === name)?.value;
}

export function bucketOf(call: Call): Bucket {
  return call.server.store.bucket(call.bucketName);
}

/** The conditions under which a write takes place. */
export function writeConditions(call: Call): WriteConditions {
  return { ifMatch: call.header('if-match'), ifNoneMatch: call.header('if-none-match') };
}

/** The entity tag of what was written; `ofContent` is the one that follows from the content. */
export function entityTag(call: Call, ofContent: string): string {
  return isDirectoryBucket(call.bucketName) ? randomEntityTag() : ofContent;
}

/** The server's clock, cut to whole seconds as `Last-Modified` can say them. */
export function wallClock(call: Call): Date {
  return new Date(Math.floor(call.server.now() / 1000) * 1000);
}

/** Takes the body of a control request, such as an XML document, in one piece. */
export async function smallBody(call: Call): Promise<Buffer> {
  if (Number(call.header('content-length') ?? 0) > 8 * 1024 * 1024)
    throw failure('MalformedXML', 'The document is too large.');
  const { extent } = await receiveBody(call, call.server.extents, { etag: 'crc' });
  try {
    return await joinExtents([extent]);
  } finally {
    extent.release();
  }
}
