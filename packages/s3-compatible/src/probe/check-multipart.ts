import { randomBytes } from 'node:crypto';
import { completeDocument, isCompleteResult, type UploadedPart, uploadIdOf } from '@kvferry/s3-protocol';
import { S3_PARTS } from '../providers.ts';
import type { Bench, Check } from './check.ts';
import { answered, messageOf, queryOf } from './trial.ts';

/** The least that S3 takes as a part that is not the last. */
const PART_BYTES = 5 * 1024 ** 2;
const LAST_BYTES = 1000;

/** Whether an upload in parts comes out whole, and with the CRC32C of the whole. */
export const multipartCheck: Check = {
  subjects: ['multipart.whole', 'multipart.checksum'],
  async run(bench) {
    // A page of noise, over and over: enough to tell one part from the other, and one place in it from the next.
    const value = Buffer.alloc(PART_BYTES + LAST_BYTES, randomBytes(4099));
    if (bench.learned.checksum === 'none') {
      bench.note('multipart.checksum', 'unknown', 'not tried: the store is sent no CRC32C');
    } else {
      await tryFullObject(bench, value);
    }
    if (!bench.holds('multipart.whole')) {
      await upload(bench, 'multipart', value, 'plain');
      await look(bench, 'multipart', value);
      bench.note('multipart.whole', 'yes', 'two parts are one value, uploaded without checksums');
    }
    // Values that were uploaded in parts are read by ranges of one and the same value.
    if (bench.holds('range.exact') && bench.holds('range.if-match')) {
      bench.learned.multipart = { ...S3_PARTS, fullObjectChecksum: bench.holds('multipart.checksum') };
    }
  },
};

async function tryFullObject(bench: Bench, value: Uint8Array): Promise<void> {
  try {
    await upload(bench, 'multipart-full', value, 'full-object');
    await look(bench, 'multipart-full', value);
  } catch (thrown) {
    if (bench.trial.isOver) throw thrown;
    bench.note(
      'multipart.checksum',
      'no',
      `an upload with x-amz-checksum-type: FULL_OBJECT fails: ${messageOf(thrown)}`,
    );
    return;
  }
  bench.note('multipart.whole', 'yes', 'two parts are one value');
  const problem = await checksumProblem(bench, 'multipart-full', value);
  if (problem === undefined) bench.note('multipart.checksum', 'yes', 'HEAD gives the CRC32C of the whole object');
  else bench.note('multipart.checksum', 'no', problem);
}

async function upload(bench: Bench, name: string, value: Uint8Array, kind: 'full-object' | 'plain'): Promise<void> {
  const { trial, way } = bench;
  const key = trial.key(name);
  const isFull = kind === 'full-object';
  const asked = isFull ? ['x-amz-checksum-algorithm', 'CRC32C', 'x-amz-checksum-type', 'FULL_OBJECT'] : [];
  const begun = await trial.send(way, {
    operation: 'put',
    method: 'POST',
    key,
    query: 'uploads=',
    headers: ['content-type', 'application/octet-stream', ...asked],
  });
  const uploadId = uploadIdOf(begun.body);
  if (begun.status !== 200 || uploadId === undefined) throw bench.error('put', begun);
  trial.uploadBegan(way, key, uploadId);

  const parts: UploadedPart[] = [];
  for (const [index, body] of [value.subarray(0, PART_BYTES), value.subarray(PART_BYTES)].entries()) {
    const query = queryOf({ partNumber: String(index + 1), uploadId });
    const crc32c = isFull ? way.crc32c(body) : undefined;
    const headers = crc32c === undefined ? [] : ['x-amz-checksum-crc32c', crc32c];
    const answer = await trial.send(way, { operation: 'put', method: 'PUT', key, query, headers, body });
    const etag = answer.headers.get('etag');
    if (answer.status !== 200 || etag === undefined) throw bench.error('put', answer);
    parts.push({ etag, crc32c });
  }
  const completed = await trial.send(way, {
    operation: 'put',
    method: 'POST',
    key,
    query: queryOf({ uploadId }),
    headers: [
      'content-type',
      'application/xml',
      ...(isFull ? ['x-amz-checksum-crc32c', way.crc32c(value), 'x-amz-checksum-type', 'FULL_OBJECT'] : []),
    ],
    body: Buffer.from(completeDocument(parts)),
  });
  // S3 may say 200 before it knows, and an error in the body.
  if (completed.status !== 200 || !isCompleteResult(completed.body)) throw bench.error('put', completed);
  trial.uploadEnded(uploadId);
}

/** Throws unless the value is there as a whole: its length, and the bytes across the border of its parts. */
async function look(bench: Bench, name: string, value: Uint8Array): Promise<void> {
  const [start, end] = [PART_BYTES - 500, PART_BYTES + 499];
  const answer = await bench.get(name, ['range', `bytes=${start}-${end}`]);
  const told = answer.headers.get('content-range');
  const isWhole = told === `bytes ${start}-${end}/${value.byteLength}`;
  if (isWhole && Buffer.compare(answer.body, value.subarray(start, end + 1)) === 0) return;
  throw new Error(
    `a value uploaded in two parts of ${value.byteLength} bytes is read as ${answered(answer)}, Content-Range ${told ?? 'missing'}`,
  );
}

/** `undefined` where the CRC32C of the whole value comes with it; else what comes. */
async function checksumProblem(bench: Bench, name: string, value: Uint8Array): Promise<string | undefined> {
  const { trial, way } = bench;
  const headers = ['x-amz-checksum-mode', 'ENABLED'];
  const answer = await trial.send(way, { operation: 'stat', method: 'HEAD', key: trial.key(name), headers });
  const crc = answer.headers.get('x-amz-checksum-crc32c');
  if (crc === way.crc32c(value)) return undefined;
  return crc === undefined ? 'HEAD gives no CRC32C of it' : `HEAD gives ${crc}, which is not the CRC32C of the whole`;
}
