/** Buckets, objects and unfinished uploads. Every change is one synchronous step, so conditions hold also when writers race. */

import { randomBytes } from 'node:crypto';
import type { ChecksumAlgorithm } from './checksums.ts';
import { isDirectoryBucket, isDirectoryBucketName } from './directory-buckets.ts';
import type { Extent } from './extents.ts';
import { failure } from './failures.ts';
import { compareUtf8 } from './uri.ts';

export interface ObjectRecord {
  /** The body, in pieces laid one behind the other. */
  readonly extents: readonly Extent[];
  readonly byteLength: number;
  /** Without quotes. */
  readonly etag: string;
  /** What is answered as it came: content type, cache control, user metadata. Values as latin1 text. */
  readonly headers: Readonly<Record<string, string>>;
  readonly checksums: ReadonlyMap<ChecksumAlgorithm, string>;
  readonly checksumType: ChecksumType;
  readonly lastModified: Date;
}

export type ChecksumType = 'FULL_OBJECT' | 'COMPOSITE';

export interface PartRecord {
  readonly extent: Extent;
  readonly etag: string;
  readonly checksums: ReadonlyMap<ChecksumAlgorithm, string>;
  readonly lastModified: Date;
}

export interface Upload {
  readonly id: string;
  readonly key: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly checksumAlgorithm: ChecksumAlgorithm | undefined;
  readonly checksumType: ChecksumType;
  readonly initiated: Date;
  readonly parts: Map<number, PartRecord>;
}

/** Conditions of a write: entity tags, or `*`. */
export interface WriteConditions {
  readonly ifMatch?: string | undefined;
  readonly ifNoneMatch?: string | undefined;
}

export class Bucket {
  readonly name: string;
  readonly created: Date;
  readonly #objects = new Map<string, ObjectRecord>();
  readonly #uploads = new Map<string, Upload>();
  #sorted: string[] | undefined;

  constructor(name: string, created: Date) {
    this.name = name;
    this.created = created;
  }

  get isEmpty(): boolean {
    return this.#objects.size === 0;
  }

  get(key: string): ObjectRecord | undefined {
    return this.#objects.get(key);
  }

  /** Throws PreconditionFailed or NoSuchKey where the conditions do not hold now. */
  checkConditions(key: string, conditions: WriteConditions): void {
    const present = this.#objects.get(key);
    if (conditions.ifNoneMatch !== undefined) {
      if (conditions.ifNoneMatch !== '*') throw failure('NotImplemented', 'If-None-Match of a write takes only *.');
      if (present !== undefined) throw failure('PreconditionFailed', undefined, { Condition: 'If-None-Match' });
    }
    if (conditions.ifMatch !== undefined) {
      if (present === undefined) throw failure('NoSuchKey', undefined, { Key: key });
      if (!etagMatches(conditions.ifMatch, present.etag)) {
        throw failure('PreconditionFailed', undefined, { Condition: 'If-Match' });
      }
    }
  }

  /** Puts the record in place and takes over its extents; where the conditions do not hold it throws and takes nothing. */
  put(key: string, record: ObjectRecord, conditions: WriteConditions): void {
    this.checkConditions(key, conditions);
    const old = this.#objects.get(key);
    this.#objects.set(key, record);
    if (old === undefined) this.#sorted = undefined;
    else for (const extent of old.extents) extent.release();
  }

  delete(key: string): void {
    const old = this.#objects.get(key);
    if (old === undefined) return;
    this.#objects.delete(key);
    this.#sorted = undefined;
    for (const extent of old.extents) extent.release();
  }

  /** In order of UTF-8 bytes. */
  sortedKeys(): readonly string[] {
    this.#sorted ??= [...this.#objects.keys()].sort(compareUtf8);
    return this.#sorted;
  }

  startUpload(fields: Pick<Upload, 'key' | 'headers' | 'checksumAlgorithm' | 'checksumType' | 'initiated'>): Upload {
    const upload = { ...fields, id: randomBytes(24).toString('base64url'), parts: new Map<number, PartRecord>() };
    this.#uploads.set(upload.id, upload);
    return upload;
  }

  /** Throws NoSuchUpload. */
  upload(id: string, key: string): Upload {
    const upload = this.#uploads.get(id);
    if (upload === undefined || upload.key !== key) throw failure('NoSuchUpload', undefined, { UploadId: id });
    return upload;
  }

  uploads(): readonly Upload[] {
    return [...this.#uploads.values()];
  }

  /** Takes the part's extent over. */
  putPart(upload: Upload, partNumber: number, part: PartRecord): void {
    this.upload(upload.id, upload.key);
    upload.parts.get(partNumber)?.extent.release();
    upload.parts.set(partNumber, part);
  }

  /** Forgets the upload and lets go of its parts. */
  endUpload(upload: Upload): void {
    this.#uploads.delete(upload.id);
    for (const part of upload.parts.values()) part.extent.release();
    upload.parts.clear();
  }
}

/** The buckets of one simulator. */
export class Store {
  readonly #buckets = new Map<string, Bucket>();

  /** Throws NoSuchBucket. */
  bucket(name: string): Bucket {
    const bucket = this.#buckets.get(name);
    if (bucket === undefined) throw failure('NoSuchBucket', undefined, { BucketName: name });
    return bucket;
  }

  has(name: string): boolean {
    return this.#buckets.has(name);
  }

  buckets(): readonly Bucket[] {
    return [...this.#buckets.values()].sort((a, b) => compareUtf8(a.name, b.name));
  }

  /** Throws InvalidBucketName. Leaves one that exists as it is. */
  createBucket(name: string, created: Date): void {
    checkBucketName(name);
    if (!this.#buckets.has(name)) this.#buckets.set(name, new Bucket(name, created));
  }

  deleteBucket(name: string): void {
    const bucket = this.bucket(name);
    if (!bucket.isEmpty) throw failure('BucketNotEmpty', undefined, { BucketName: name });
    for (const upload of bucket.uploads()) bucket.endUpload(upload);
    this.#buckets.delete(name);
  }
}

/** Throws InvalidBucketName. */
export function checkBucketName(name: string): void {
  const isValid = /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(name) && !name.includes('..');
  if (!isValid || (isDirectoryBucket(name) && !isDirectoryBucketName(name))) {
    throw failure('InvalidBucketName', `The specified bucket is not valid: ${name}`, { BucketName: name });
  }
}

/** Whether a list such as `"a", "b"` or `*` names this tag. */
export function etagMatches(list: string, etag: string): boolean {
  return list.split(',').some((entry) => {
    const text = entry.trim().replace(/^W\//, '');
    return text === '*' || text === etag || text === `"${etag}"`;
  });
}
