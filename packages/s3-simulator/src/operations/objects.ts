/** GetObject, HeadObject, PutObject, CopyObject, DeleteObject, DeleteObjects. */

import { receiveBody } from '../body.ts';
import { CHECKSUM_ALGORITHMS, checksumHeader } from '../checksums.ts';
import { isDirectoryBucket } from '../directory-buckets.ts';
import { failure, S3Failure } from '../failures.ts';
import { emptyReply, extentsBody, type Reply, xmlReply } from '../reply.ts';
import { etagMatches, type ObjectRecord } from '../store.ts';
import { parseTarget } from '../uri.ts';
import { elements, parseXml, text } from '../xml.ts';
import { bucketOf, type Call, entityTag, smallBody, wallClock, writeConditions } from './call.ts';

export async function getObject(call: Call): Promise<Reply> {
  const record = readable(call);
  const range = requestedRange(call, record.byteLength);
  const { start, end } = range ?? { start: 0, end: record.byteLength };
  return {
    status: range === undefined ? 200 : 206,
    headers: readHeaders(call, record, range),
    body: extentsBody(record.extents, start, end),
  };
}

export async function headObject(call: Call): Promise<Reply> {
  const record = readable(call);
  const range = requestedRange(call, record.byteLength);
  return emptyReply(range === undefined ? 200 : 206, {
    ...readHeaders(call, record, range),
    'content-length': String(range === undefined ? record.byteLength : range.end - range.start),
  });
}

export async function putObject(call: Call): Promise<Reply> {
  const bucket = bucketOf(call);
  const conditions = writeConditions(call);
  // At the head already, so that a writer that has lost need not send its body.
  bucket.checkConditions(call.key, conditions);
  const received = await receiveBody(call, call.server.extents, { etag: call.server.etag });
  const record: ObjectRecord = {
    extents: [received.extent],
    byteLength: received.extent.byteLength,
    etag: entityTag(call, received.etag),
    headers: call.objectHeaders,
    checksums: received.checksums,
    checksumType: 'FULL_OBJECT',
    lastModified: wallClock(call),
  };
  try {
    // The bucket may have gone meanwhile.
    bucketOf(call).put(call.key, record, conditions);
  } catch (error) {
    received.extent.release();
    throw error;
  }
  return emptyReply(200, { etag: `"${record.etag}"`, ...checksumHeaders(record) });
}

/** Copies within this server; the bytes are shared, not copied. */
export async function copyObject(call: Call): Promise<Reply> {
  const source = sourceOf(call);
  const record = call.server.store.bucket(source.bucket).get(source.key);
  if (record === undefined) throw failure('NoSuchKey', undefined, { Key: source.key });
  const directive = call.header('x-amz-metadata-directive') ?? 'COPY';
  const copy: ObjectRecord = {
    ...record,
    etag: entityTag(call, record.etag),
    headers: directive === 'REPLACE' ? call.objectHeaders : record.headers,
    lastModified: wallClock(call),
  };
  const bucket = bucketOf(call);
  const conditions = writeConditions(call);
  bucket.checkConditions(call.key, conditions);
  // Before the put, which lets go of the old extents: they may be the same.
  for (const extent of copy.extents) extent.retain();
  bucket.put(call.key, copy, conditions);
  return xmlReply('CopyObjectResult', { ETag: `"${copy.etag}"`, LastModified: copy.lastModified.toISOString() });
}

export async function deleteObject(call: Call): Promise<Reply> {
  const bucket = bucketOf(call);
  const ifMatch = call.header('if-match');
  if (ifMatch !== undefined) bucket.checkConditions(call.key, { ifMatch });
  bucket.delete(call.key);
  return emptyReply(204);
}

export async function deleteObjects(call: Call): Promise<Reply> {
  const bucket = bucketOf(call);
  const checks = ['content-md5', 'x-amz-trailer', ...CHECKSUM_ALGORITHMS.map(checksumHeader)];
  if (!checks.some((name) => call.header(name) !== undefined)) {
    throw failure('InvalidRequest', 'Missing required header for this request: Content-MD5 OR x-amz-checksum-*');
  }
  const document = parseXml(await smallBody(call), 'Delete');
  const entries = elements(document, 'Object');
  if (entries.length > 1000) throw failure('MalformedXML', 'A request deletes at most 1,000 objects.');
  const keys = entries.map((entry) => {
    const key = text(entry, 'Key');
    if (key === undefined || key === '') throw failure('MalformedXML', 'An Object has no Key.');
    if (isDirectoryBucket(bucket.name) && key.trim() === '') {
      throw failure('InvalidRequest', 'This bucket takes no Key of white space alone.');
    }
    const other = Object.keys(entry).find((name) => name !== 'Key' && name !== '#text');
    if (other !== undefined) throw failure('NotImplemented', `The simulator does not have ${other} in DeleteObjects.`);
    return key;
  });
  for (const key of keys) bucket.delete(key);
  const deleted = keys.map((key) => ({ Key: key }));
  return xmlReply('DeleteResult', text(document, 'Quiet')?.trim() === 'true' ? {} : { Deleted: deleted });
}

/** The checksum headers of an answer. */
function checksumHeaders(record: ObjectRecord): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [algorithm, value] of record.checksums) headers[checksumHeader(algorithm)] = value;
  if (record.checksums.size > 0) headers['x-amz-checksum-type'] = record.checksumType;
  return headers;
}

interface ByteRange {
  readonly start: number;
  /** Exclusive. */
  readonly end: number;
}

/** The object, once the request's conditions hold. */
function readable(call: Call): ObjectRecord {
  const record = bucketOf(call).get(call.key);
  if (record === undefined) throw failure('NoSuchKey', undefined, { Key: call.key });
  const ifMatch = call.header('if-match');
  const ifNoneMatch = call.header('if-none-match');
  if (ifMatch !== undefined) {
    if (!etagMatches(ifMatch, record.etag)) throw failure('PreconditionFailed', undefined, { Condition: 'If-Match' });
  } else {
    const since = Date.parse(call.header('if-unmodified-since') ?? '');
    if (record.lastModified.getTime() > since) {
      throw failure('PreconditionFailed', undefined, { Condition: 'If-Unmodified-Since' });
    }
  }
  const notModified = (): S3Failure => new S3Failure(304, 'NotModified', 'Not Modified', {}, validators(record));
  if (ifNoneMatch !== undefined) {
    if (etagMatches(ifNoneMatch, record.etag)) throw notModified();
  } else if (record.lastModified.getTime() <= Date.parse(call.header('if-modified-since') ?? '')) {
    throw notModified();
  }
  return record;
}

/** Undefined for the whole object: without a Range header, and, as in S3, with one that is no single range of bytes. */
function requestedRange(call: Call, byteLength: number): ByteRange | undefined {
  const text = call.header('range');
  const match = /^bytes=(\d*)-(\d*)$/.exec(text?.trim() ?? '');
  const [, first = '', last = ''] = match ?? [];
  if (text === undefined || (first === '' && last === '')) return undefined;
  const start = first === '' ? Math.max(byteLength - Number(last), 0) : Number(first);
  const end = first === '' || last === '' ? byteLength : Math.min(Number(last) + 1, byteLength);
  if (first !== '' && last !== '' && Number(last) < Number(first)) return undefined;
  if (start >= end) {
    throw failure(
      'InvalidRange',
      undefined,
      { RangeRequested: text, ActualObjectSize: String(byteLength) },
      { 'content-range': `bytes */${byteLength}` },
    );
  }
  return { start, end };
}

function readHeaders(call: Call, record: ObjectRecord, range: ByteRange | undefined): Record<string, string> {
  const headers: Record<string, string> = { ...record.headers, ...validators(record), 'accept-ranges': 'bytes' };
  if (range !== undefined) headers['content-range'] = `bytes ${range.start}-${range.end - 1}/${record.byteLength}`;
  // The checksum is the whole object's, so S3 leaves it out of a part.
  else if (call.header('x-amz-checksum-mode')?.toUpperCase() === 'ENABLED')
    Object.assign(headers, checksumHeaders(record));
  return headers;
}

function validators(record: ObjectRecord): Record<string, string> {
  return { etag: `"${record.etag}"`, 'last-modified': record.lastModified.toUTCString() };
}

function sourceOf(call: Call): { readonly bucket: string; readonly key: string } {
  const raw = call.header('x-amz-copy-source') ?? '';
  const { path, query } = parseTarget(raw.startsWith('/') ? raw : `/${raw}`);
  if (query.length > 0) throw failure('NotImplemented', 'The simulator keeps no versions.');
  const slash = path.indexOf('/', 1);
  if (slash < 0 || slash === path.length - 1)
    throw failure('InvalidArgument', 'x-amz-copy-source must be <bucket>/<key>.');
  return { bucket: path.slice(1, slash), key: path.slice(slash + 1) };
}
