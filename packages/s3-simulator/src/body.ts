/** Takes a request's body: decoded, checked in every way that the request asks for, stored nowhere that a reader could see yet. */

import { createAwsChunkedDecoder } from './aws-chunked.ts';
import {
  algorithmOfHeader,
  CHECKSUM_ALGORITHMS,
  type ChecksumAlgorithm,
  checksumHeader,
  createHasher,
  digestLength,
  type Hasher,
} from './checksums.ts';
import type { Extent, ExtentStore } from './extents.ts';
import { failure } from './failures.ts';
import type { PayloadRule } from './signatures.ts';

/** 5 GiB, the most that S3 takes in one request. */
const MAX_BODY_BYTES = 5 * 1024 ** 3;

/** Calls `onData` with every piece of the body; resolves at its end, rejects with ClientGone when it ends early. Waits where `onData` answers with a promise. */
export type PullBody = (onData: (piece: Uint8Array) => Promise<void> | undefined) => Promise<void>;

export interface BodyRequest {
  /** A header's value by name in lower case. */
  header(name: string): string | undefined;
  readonly payload: PayloadRule;
  readonly pullBody: PullBody;
}

export interface ReceivedBody {
  /** Held once, for whoever called. */
  readonly extent: Extent;
  /** 32 hex digits. */
  readonly etag: string;
  /** The checksums that the client sent, all found right; base64. */
  readonly checksums: ReadonlyMap<ChecksumAlgorithm, string>;
}

/** `compute` names a checksum to add though the client sent none. Throws the S3Failure that S3 would answer with; nothing is kept then. */
export async function receiveBody(
  request: BodyRequest,
  store: ExtentStore,
  options: { readonly etag: 'crc' | 'md5'; readonly compute?: ChecksumAlgorithm | undefined },
): Promise<ReceivedBody> {
  const byteLength = announcedBytes(request);
  const expected = announcedChecksums(request);
  const md5 = announcedMd5(request);
  const trailerAlgorithms = announcedTrailers(request);

  const hashers = new Map<ChecksumAlgorithm | 'md5', Hasher>();
  const wanted = new Set<ChecksumAlgorithm | 'md5'>([...expected.keys(), ...trailerAlgorithms]);
  if (options.compute !== undefined) wanted.add(options.compute);
  if (request.payload.kind === 'sha256') wanted.add('sha256');
  if (md5 !== undefined || options.etag === 'md5') wanted.add('md5');
  if (options.etag === 'crc' && !wanted.has('crc32')) wanted.add('crc32c');
  for (const algorithm of wanted) hashers.set(algorithm, await createHasher(algorithm));
  const steps = [...hashers.values()];

  const decoder =
    request.payload.kind === 'streaming'
      ? createAwsChunkedDecoder({ trailer: request.payload.trailer, signer: request.payload.signer })
      : undefined;
  const writer = await store.writer(byteLength);
  let takenBytes = 0;
  let waitFor: Promise<void> | undefined;
  const take = (data: Uint8Array): void => {
    takenBytes += data.byteLength;
    if (takenBytes > byteLength) throw failure('IncompleteBody', 'The body is longer than announced.');
    for (const step of steps) step.update(data);
    waitFor = writer.write(data) ?? waitFor;
  };
  try {
    await request.pullBody((piece) => {
      waitFor = undefined;
      if (decoder === undefined) take(piece);
      else decoder.push(piece, take);
      return waitFor;
    });
    const trailers = decoder?.finish() ?? new Map<string, string>();
    if (takenBytes !== byteLength) throw failure('IncompleteBody');
    for (const algorithm of trailerAlgorithms) {
      const value = trailers.get(checksumHeader(algorithm));
      if (value === undefined) throw failure('InvalidRequest', `The trailer ${checksumHeader(algorithm)} is missing.`);
      expected.set(algorithm, checkedDigest(checksumHeader(algorithm), value, digestLength(algorithm)));
    }

    const digests = new Map([...hashers].map(([algorithm, hasher]) => [algorithm, hasher.digest()]));
    const digest = (algorithm: ChecksumAlgorithm | 'md5'): Buffer => digests.get(algorithm) ?? Buffer.alloc(0);
    if (request.payload.kind === 'sha256' && digest('sha256').toString('hex') !== request.payload.hex) {
      throw failure('XAmzContentSHA256Mismatch', undefined, {
        ClientComputedContentSHA256: request.payload.hex,
        S3ComputedContentSHA256: digest('sha256').toString('hex'),
      });
    }
    if (md5 !== undefined && digest('md5').toString('base64') !== md5) throw failure('BadDigest');
    for (const [algorithm, value] of expected) {
      if (digest(algorithm).toString('base64') !== value) {
        throw failure(
          'BadDigest',
          `The ${algorithm.toUpperCase()} you specified did not match the calculated checksum.`,
        );
      }
    }
    const checksums = new Map(expected);
    if (options.compute !== undefined) checksums.set(options.compute, digest(options.compute).toString('base64'));
    const etag =
      options.etag === 'md5'
        ? digest('md5').toString('hex')
        : crcEtag(byteLength, digest(digests.has('crc32c') ? 'crc32c' : 'crc32'));
    return { extent: await writer.finish(), etag, checksums };
  } catch (error) {
    await writer.discard();
    throw error;
  }
}

/** The entity tag of the cheap kind: 24 hex digits of length, 8 of a CRC that is computed anyway. One more CRC of 32 MiB would be seen in a benchmark. */
export function crcEtag(byteLength: number, crc: Buffer): string {
  return byteLength.toString(16).padStart(24, '0') + crc.toString('hex');
}

function announcedBytes(request: BodyRequest): number {
  const name = request.payload.kind === 'streaming' ? 'x-amz-decoded-content-length' : 'content-length';
  const text = request.header(name);
  if (text === undefined) throw failure('MissingContentLength', `You must provide the ${name} header.`);
  const byteLength = Number(text);
  if (!/^\d+$/.test(text)) throw failure('InvalidArgument', `${name} is no length: ${text}`);
  if (byteLength > MAX_BODY_BYTES) {
    throw failure('EntityTooLarge', undefined, { ProposedSize: text, MaxSizeAllowed: String(MAX_BODY_BYTES) });
  }
  return byteLength;
}

function announcedChecksums(request: BodyRequest): Map<ChecksumAlgorithm, string> {
  const found = new Map<ChecksumAlgorithm, string>();
  for (const algorithm of CHECKSUM_ALGORITHMS) {
    const name = checksumHeader(algorithm);
    const value = request.header(name);
    if (value !== undefined) found.set(algorithm, checkedDigest(name, value, digestLength(algorithm)));
  }
  if (found.size > 1) {
    throw failure(
      'InvalidRequest',
      'Expecting a single x-amz-checksum- header. Multiple checksum types are not allowed.',
    );
  }
  return found;
}

function announcedMd5(request: BodyRequest): string | undefined {
  const value = request.header('content-md5');
  if (value === undefined) return undefined;
  if (Buffer.from(value, 'base64').byteLength !== 16) throw failure('InvalidDigest');
  return value;
}

function announcedTrailers(request: BodyRequest): ChecksumAlgorithm[] {
  const text = request.payload.kind === 'streaming' && request.payload.trailer ? request.header('x-amz-trailer') : '';
  const names = (text ?? '').split(',').map((name) => name.trim().toLowerCase());
  return names.map(algorithmOfHeader).filter((algorithm) => algorithm !== undefined);
}

function checkedDigest(name: string, value: string, byteLength: number): string {
  const bytes = Buffer.from(value, 'base64');
  if (bytes.byteLength !== byteLength || bytes.toString('base64') !== value) {
    throw failure('InvalidRequest', `Value for ${name} header is invalid.`);
  }
  return value;
}
