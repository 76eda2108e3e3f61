/** Multipart uploads. */

import { createHash } from 'node:crypto';
import { receiveBody } from '../body.ts';
import { CHECKSUM_ALGORITHMS, type ChecksumAlgorithm, checksumHeader, createHasher } from '../checksums.ts';
import { isDirectoryBucket } from '../directory-buckets.ts';
import { type Extent, readExtents } from '../extents.ts';
import { failure } from '../failures.ts';
import { emptyReply, type Reply, xmlReply } from '../reply.ts';
import type { ChecksumType, ObjectRecord, PartRecord, Upload } from '../store.ts';
import { elements, parseXml, text } from '../xml.ts';
import { bucketOf, type Call, entityTag, parameter, smallBody, wallClock, writeConditions } from './call.ts';

const MAX_PARTS = 10_000;

export async function createMultipartUpload(call: Call): Promise<Reply> {
  const named = call.header('x-amz-checksum-algorithm')?.toLowerCase();
  const algorithm = CHECKSUM_ALGORITHMS.find((candidate) => candidate === named);
  if (named !== undefined && algorithm === undefined) {
    throw failure('InvalidRequest', `Checksum algorithm provided is unsupported: ${named}`);
  }
  const checksumType = checksumTypeOf(call.header('x-amz-checksum-type'), algorithm);
  const upload = bucketOf(call).startUpload({
    key: call.key,
    headers: call.objectHeaders,
    checksumAlgorithm: algorithm,
    checksumType,
    initiated: wallClock(call),
  });
  const headers: Record<string, string> = {};
  if (algorithm !== undefined) {
    headers['x-amz-checksum-algorithm'] = algorithm.toUpperCase();
    headers['x-amz-checksum-type'] = checksumType;
  }
  return xmlReply(
    'InitiateMultipartUploadResult',
    { Bucket: call.bucketName, Key: call.key, UploadId: upload.id },
    headers,
  );
}

export async function uploadPart(call: Call): Promise<Reply> {
  const upload = uploadOf(call);
  const partNumber = Number(parameter(call, 'partNumber'));
  if (!Number.isInteger(partNumber) || partNumber < 1 || partNumber > MAX_PARTS) {
    throw failure('InvalidArgument', `Part number must be an integer between 1 and ${MAX_PARTS}, inclusive`);
  }
  const received = await receiveBody(call, call.server.extents, {
    etag: call.server.etag,
    compute: upload.checksumAlgorithm,
  });
  const etag = entityTag(call, received.etag);
  try {
    bucketOf(call).putPart(upload, partNumber, { ...received, etag, lastModified: wallClock(call) });
  } catch (error) {
    received.extent.release();
    throw error;
  }
  const headers: Record<string, string> = { etag: `"${etag}"` };
  for (const [algorithm, value] of received.checksums) headers[checksumHeader(algorithm)] = value;
  return emptyReply(200, headers);
}

export async function completeMultipartUpload(call: Call): Promise<Reply> {
  const bucket = bucketOf(call);
  const upload = uploadOf(call);
  const document = parseXml(await documentOf(call), 'CompleteMultipartUpload');
  const order = isDirectoryBucket(bucket.name) ? 'consecutive' : 'ascending';
  const parts = chosenParts(upload, document, order, call.server.minPartBytes);
  const extents = parts.map((part) => part.extent);
  // Held from here on: the upload may be aborted while the checksum is made.
  for (const extent of extents) extent.retain();
  try {
    const byteLength = extents.reduce((sum, extent) => sum + extent.byteLength, 0);
    const checksums = await objectChecksums(upload, parts, byteLength);
    checkAnnounced(call, upload, checksums, byteLength);
    const record: ObjectRecord = {
      extents,
      byteLength,
      etag: entityTag(call, multipartEtag(parts)),
      headers: upload.headers,
      checksums,
      checksumType: upload.checksumType,
      lastModified: wallClock(call),
    };
    bucket.upload(upload.id, upload.key);
    bucket.put(call.key, record, writeConditions(call));
    bucket.endUpload(upload);
    const content: Record<string, string> = {
      Location: `/${call.bucketName}/${call.key}`,
      Bucket: call.bucketName,
      Key: call.key,
      ETag: `"${record.etag}"`,
    };
    for (const [algorithm, value] of checksums) content[`Checksum${algorithm.toUpperCase()}`] = value;
    if (checksums.size > 0) content.ChecksumType = upload.checksumType;
    return xmlReply('CompleteMultipartUploadResult', content);
  } catch (error) {
    for (const extent of extents) extent.release();
    throw error;
  }
}

export async function abortMultipartUpload(call: Call): Promise<Reply> {
  bucketOf(call).endUpload(uploadOf(call));
  return emptyReply(204);
}

/** In one page: an upload has at most 10,000 parts. */
export async function listParts(call: Call): Promise<Reply> {
  const upload = uploadOf(call);
  const parts = [...upload.parts].sort(([a], [b]) => a - b);
  return xmlReply('ListPartsResult', {
    Bucket: call.bucketName,
    Key: call.key,
    UploadId: upload.id,
    MaxParts: MAX_PARTS,
    IsTruncated: false,
    Part: parts.map(([partNumber, part]) => ({
      PartNumber: partNumber,
      LastModified: part.lastModified.toISOString(),
      ETag: `"${part.etag}"`,
      Size: part.extent.byteLength,
    })),
  });
}

/** In one page. */
export async function listMultipartUploads(call: Call): Promise<Reply> {
  return xmlReply('ListMultipartUploadsResult', {
    Bucket: call.bucketName,
    IsTruncated: false,
    Upload: bucketOf(call)
      .uploads()
      .map((upload) => ({ Key: upload.key, UploadId: upload.id, Initiated: upload.initiated.toISOString() })),
  });
}

function uploadOf(call: Call): Upload {
  return bucketOf(call).upload(parameter(call, 'uploadId') ?? '', call.key);
}

/** The completing request's checksum headers speak of the object, not of the document: so they are hidden from the one who takes the body. */
async function documentOf(call: Call): Promise<Buffer> {
  return smallBody({
    ...call,
    header: (name) => (name.startsWith('x-amz-checksum-') ? undefined : call.header(name)),
  });
}

/** FULL_OBJECT is for the CRCs, which alone can be made of their parts', and the only way for CRC64NVME. */
function checksumTypeOf(named: string | undefined, algorithm: ChecksumAlgorithm | undefined): ChecksumType {
  if (named !== undefined && named !== 'FULL_OBJECT' && named !== 'COMPOSITE') {
    throw failure('InvalidRequest', `Value for x-amz-checksum-type header is invalid: ${named}`);
  }
  const type = named ?? (algorithm === undefined || algorithm === 'crc64nvme' ? 'FULL_OBJECT' : 'COMPOSITE');
  const wrong = type === 'FULL_OBJECT' ? ['sha1', 'sha256'] : ['crc64nvme'];
  if (algorithm !== undefined && wrong.includes(algorithm)) {
    throw failure(
      'InvalidRequest',
      `The ${type} checksum type cannot be used with the ${algorithm} checksum algorithm.`,
    );
  }
  return type;
}

function chosenParts(
  upload: Upload,
  document: Readonly<Record<string, unknown>>,
  order: 'ascending' | 'consecutive',
  minPartBytes: number,
): PartRecord[] {
  const entries = elements(document, 'Part');
  const numbers = entries.map((entry) => Number(text(entry, 'PartNumber')));
  const inOrder = (number: number, index: number): boolean =>
    order === 'consecutive' ? number === index + 1 : number > (numbers[index - 1] ?? 0);
  if (!numbers.every(inOrder)) {
    throw failure('InvalidPartOrder', undefined, { UploadId: upload.id });
  }
  return entries.map((entry, index) => {
    const partNumber = numbers[index] ?? 0;
    const part = upload.parts.get(partNumber);
    if (part === undefined || text(entry, 'ETag')?.replaceAll('"', '').trim() !== part.etag) {
      throw failure('InvalidPart', undefined, { UploadId: upload.id, PartNumber: String(partNumber) });
    }
    for (const [algorithm, value] of part.checksums) {
      const claimed = text(entry, `Checksum${algorithm.toUpperCase()}`);
      if (claimed !== undefined && claimed !== value) {
        throw failure('InvalidPart', `The checksum of part ${partNumber} is not that of its upload.`);
      }
    }
    if (index < entries.length - 1 && part.extent.byteLength < minPartBytes) {
      throw failure('EntityTooSmall', undefined, {
        ProposedSize: String(part.extent.byteLength),
        MinSizeAllowed: String(minPartBytes),
        PartNumber: String(partNumber),
      });
    }
    return part;
  });
}

async function objectChecksums(
  upload: Upload,
  parts: readonly PartRecord[],
  byteLength: number,
): Promise<ReadonlyMap<ChecksumAlgorithm, string>> {
  const algorithm = upload.checksumAlgorithm;
  if (algorithm === undefined) return new Map();
  const hasher = await createHasher(algorithm);
  if (upload.checksumType === 'COMPOSITE') {
    for (const part of parts) hasher.update(Buffer.from(part.checksums.get(algorithm) ?? '', 'base64'));
    return new Map([[algorithm, `${hasher.digest().toString('base64')}-${parts.length}`]]);
  }
  const extents: Extent[] = parts.map((part) => part.extent);
  for await (const slice of readExtents(extents, 0, byteLength, 1024 * 1024)) hasher.update(slice);
  return new Map([[algorithm, hasher.digest().toString('base64')]]);
}

function checkAnnounced(
  call: Call,
  upload: Upload,
  checksums: ReadonlyMap<ChecksumAlgorithm, string>,
  byteLength: number,
): void {
  const size = call.header('x-amz-mp-object-size');
  if (size !== undefined && Number(size) !== byteLength) {
    throw failure('InvalidRequest', `The object has ${byteLength} bytes, not ${size} as x-amz-mp-object-size says.`);
  }
  const type = call.header('x-amz-checksum-type');
  if (type !== undefined && type !== upload.checksumType) {
    throw failure('InvalidRequest', `The upload was created with the checksum type ${upload.checksumType}.`);
  }
  for (const [algorithm, value] of checksums) {
    const claimed = call.header(checksumHeader(algorithm));
    if (claimed !== undefined && claimed !== value) {
      throw failure('BadDigest', `The ${algorithm.toUpperCase()} you specified did not match the calculated checksum.`);
    }
  }
}

/** MD5 over the parts' tags, and their number. */
function multipartEtag(parts: readonly PartRecord[]): string {
  const md5 = createHash('md5');
  for (const part of parts) md5.update(Buffer.from(part.etag, 'hex'));
  return `${md5.digest('hex')}-${parts.length}`;
}
