/** ListObjectsV2. */

import { crc32 } from '@node-rs/crc32';
import { checkDirectoryListing, isDirectoryBucket } from '../directory-buckets.ts';
import { failure } from '../failures.ts';
import { type Reply, xmlReply } from '../reply.ts';
import { compareUtf8, listingEncode } from '../uri.ts';
import { bucketOf, type Call, parameter } from './call.ts';

const MAX_KEYS = 1000;

export async function listObjects(call: Call): Promise<Reply> {
  const bucket = bucketOf(call);
  const prefix = parameter(call, 'prefix') ?? '';
  const delimiter = parameter(call, 'delimiter') ?? '';
  const startAfter = parameter(call, 'start-after');
  const token = parameter(call, 'continuation-token');
  const encodingType = parameter(call, 'encoding-type');
  if (encodingType !== undefined && encodingType !== 'url') {
    throw failure('InvalidArgument', 'Invalid Encoding Method specified in Request');
  }
  const isDirectory = isDirectoryBucket(bucket.name);
  if (isDirectory) checkDirectoryListing({ prefix, delimiter, startAfter });
  const maxKeys = maxKeysOf(parameter(call, 'max-keys'));
  const after = token === undefined ? (startAfter ?? '') : readToken(token);
  const query: PageQuery = { prefix, delimiter, after, maxEntries: maxKeys };
  const uploading = isDirectory ? bucket.uploads().map(({ key }) => key) : [];
  const page = isDirectory
    ? scatteredPage(bucket.sortedKeys(), uploading, query)
    : listPage(bucket.sortedKeys(), query);
  const written = encodingType === 'url' ? listingEncode : (text: string): string => text;
  return xmlReply('ListBucketResult', {
    Name: bucket.name,
    Prefix: written(prefix),
    StartAfter: token === undefined && startAfter !== undefined ? written(startAfter) : undefined,
    ContinuationToken: token,
    NextContinuationToken: page.next === undefined ? undefined : writeToken(page.next),
    KeyCount: page.keys.length + page.prefixes.length,
    MaxKeys: maxKeys,
    Delimiter: delimiter === '' ? undefined : written(delimiter),
    EncodingType: encodingType,
    IsTruncated: page.next !== undefined,
    Contents: page.keys.flatMap((key) => {
      const record = bucket.get(key);
      if (record === undefined) return [];
      return {
        Key: written(key),
        LastModified: record.lastModified.toISOString(),
        ETag: `"${record.etag}"`,
        ChecksumAlgorithm: [...record.checksums.keys()].map((algorithm) => algorithm.toUpperCase()),
        ChecksumType: record.checksums.size > 0 ? record.checksumType : undefined,
        Size: record.byteLength,
        StorageClass: isDirectory ? 'EXPRESS_ONEZONE' : 'STANDARD',
      };
    }),
    CommonPrefixes: page.prefixes.map((text) => ({ Prefix: written(text) })),
  });
}

export interface Page {
  readonly keys: readonly string[];
  readonly prefixes: readonly string[];
  /** What the next page comes after: the last key or common prefix; undefined where this page is the last. */
  readonly next: string | undefined;
}

export interface PageQuery {
  readonly prefix: string;
  readonly delimiter: string;
  readonly after: string;
  readonly maxEntries: number;
}

/**
 * One page of sorted keys. Keys that hold `delimiter` behind `prefix` are rolled up into one common prefix each. `after` is a key, or a
 * common prefix, whose keys are then left out.
 */
export function listPage(sorted: readonly string[], query: PageQuery): Page {
  const { prefix, after, maxEntries } = query;
  const keys: string[] = [];
  const prefixes: string[] = [];
  let last: string | undefined;
  const from = compareUtf8(after, prefix) >= 0 ? firstBehind(sorted, after) : firstFrom(sorted, prefix);
  for (let i = from; i < sorted.length; i++) {
    const key = sorted[i] ?? '';
    if (!key.startsWith(prefix)) break;
    const common = commonPrefix(key, query);
    if (common !== undefined && (common === last || common === after)) continue;
    if (keys.length + prefixes.length >= maxEntries)
      return { keys, prefixes, next: maxEntries === 0 ? undefined : last };
    if (common === undefined) keys.push(key);
    else prefixes.push(common);
    last = common ?? key;
  }
  return { keys, prefixes, next: undefined };
}

/**
 * One page of a directory bucket: every entry once, in an order that means nothing and is the same each time. Keys of uploads under way count where they
 * roll up into a common prefix.
 */
function scatteredPage(keys: readonly string[], uploading: readonly string[], query: PageQuery): Page {
  const { prefix, after, maxEntries } = query;
  const entries = new Map<string, 'key' | 'prefix'>();
  for (const key of keys) {
    if (!key.startsWith(prefix)) continue;
    const common = commonPrefix(key, query);
    entries.set(common ?? key, common === undefined ? 'key' : 'prefix');
  }
  for (const key of uploading) {
    const common = key.startsWith(prefix) ? commonPrefix(key, query) : undefined;
    if (common !== undefined) entries.set(common, 'prefix');
  }
  const ordered = [...entries]
    .map(([text, kind]) => ({ text, kind, place: placeOf(text) }))
    .filter(({ text, place }) => after === '' || isBehind(place, text, placeOf(after), after))
    .sort((a, b) => (isBehind(a.place, a.text, b.place, b.text) ? 1 : -1));
  const taken = ordered.slice(0, maxEntries);
  const named = (kind: 'key' | 'prefix'): string[] => taken.flatMap((entry) => (entry.kind === kind ? entry.text : []));
  return {
    keys: named('key'),
    prefixes: named('prefix'),
    next: ordered.length > taken.length ? taken.at(-1)?.text : undefined,
  };
}

/** What a key that starts with the prefix rolls up into; `undefined` for one that stands by itself. */
function commonPrefix(key: string, { prefix, delimiter }: PageQuery): string | undefined {
  const mark = delimiter === '' ? -1 : key.indexOf(delimiter, prefix.length);
  return mark < 0 ? undefined : key.slice(0, mark + delimiter.length);
}

/** Where an entry stands in the order that means nothing. */
function placeOf(text: string): number {
  return crc32(text);
}

function isBehind(place: number, text: string, otherPlace: number, otherText: string): boolean {
  return place === otherPlace ? compareUtf8(text, otherText) > 0 : place > otherPlace;
}

function maxKeysOf(text: string | undefined): number {
  if (text === undefined) return MAX_KEYS;
  if (!/^\d+$/.test(text)) throw failure('InvalidArgument', 'max-keys is no number.', { ArgumentName: 'max-keys' });
  return Math.min(Number(text), MAX_KEYS);
}

function firstBehind(sorted: readonly string[], text: string): number {
  return search(sorted, (key) => compareUtf8(key, text) > 0);
}

function firstFrom(sorted: readonly string[], text: string): number {
  return search(sorted, (key) => compareUtf8(key, text) >= 0);
}

/** Index of the first that holds, where all behind it hold too. */
function search(sorted: readonly string[], holds: (key: string) => boolean): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (holds(sorted[middle] ?? '')) high = middle;
    else low = middle + 1;
  }
  return low;
}

function writeToken(next: string): string {
  return Buffer.from(`1${next}`).toString('base64url');
}

function readToken(token: string): string {
  const text = Buffer.from(token, 'base64url').toString();
  if (!text.startsWith('1')) throw failure('InvalidArgument', 'The continuation token provided is incorrect');
  return text.slice(1);
}
