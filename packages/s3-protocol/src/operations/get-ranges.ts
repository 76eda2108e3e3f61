import { type GetItem, type GetResult, type Key, KvferryError } from '@kvferry/core';
import type { WireResponse } from '@kvferry/wire';
import { combineCrcs } from '../crc-combine.ts';
import type { DataPlane } from '../data-plane.ts';
import { partAt, rangePlan } from '../part-plan.ts';
import { type Group, together } from '../together.ts';
import type { MultipartProfile } from '../types.ts';
import { checksumOfDigest, corruptValue, type StoredChecksum, type Verification } from '../verification.ts';
import { getObject, refuseErrorDocument } from './get.ts';
import { headObject, type ObjectFacts } from './head.ts';

/** How one open backend reads large values. */
export interface RangedReadParts {
  readonly plane: DataPlane;
  readonly multipart: MultipartProfile;
  readonly verification: Verification;
  /** Ranges of one value on their way, or waiting for their turn, at once. */
  readonly width: number;
}

/**
 * GET by ranges side by side, each straight into its place in the memory lent for it.
 *
 * A HEAD says how long the object is, which one it is (its entity tag), and its checksum, since stores give none with a range. The first range goes
 * out at the same time; the others go when the HEAD is answered, on condition that the object is still that one.
 */
export class RangedReads {
  readonly #parts: RangedReadParts;
  /** Whether the store has answered a range with the whole object. */
  #sendsWholeObjects = false;

  constructor(parts: RangedReadParts) {
    this.#parts = parts;
  }

  /** Whether a value may be so large that it is to be read here. Its memory is all that is known of it. */
  takes({ into }: GetItem): boolean {
    return into.byteLength > this.#parts.multipart.thresholdBytes && !this.#sendsWholeObjects;
  }

  /**
   * Reads a value, whatever its length turns out to be. An object that is replaced meanwhile is read again from the beginning, once; a value that came wrong
   * as well, on fresh connections.
   */
  async get(item: GetItem, signal: AbortSignal): Promise<GetResult> {
    const { plane, verification } = this.#parts;
    const outcome = await plane.repeat(signal, async ({ freshConnection }) => {
      const first = await this.#look(item, freshConnection, signal);
      return first === 'changed' ? this.#look(item, freshConnection, signal) : first;
    });
    if (outcome === 'changed') {
      throw new KvferryError(
        'UNAVAILABLE',
        'the object was replaced while it was read, and again while it was read anew',
      );
    }
    if (outcome !== 'whole') return outcome;
    this.#sendsWholeObjects = true;
    return getObject(plane, item, verification, signal);
  }

  #look(item: GetItem, freshConnection: boolean, signal: AbortSignal): Promise<Outcome> {
    return together<Outcome>(signal, (group) => this.#read(item, freshConnection, group));
  }

  async #read({ key, into }: GetItem, freshConnection: boolean, group: Group<Outcome>): Promise<Outcome> {
    const { multipart, plane, verification, width } = this.#parts;
    const pieces: Piece[] = [];
    const fetch = async (index: number, range: Omit<RangeRequest, 'key' | 'freshConnection'>): Promise<void> => {
      const answer = await getRange(plane, { ...range, key, freshConnection }, group.signal);
      if (answer === 'miss') group.finish({ status: 'miss' });
      else if (answer === 'changed' || answer === 'whole') group.finish(answer);
      else pieces[index] = answer;
    };

    const heading = group.start((signal) => headObject(plane, key, verification.algorithms, signal));
    const { end } = partAt(rangePlan(into.byteLength, multipart.partBytes), 0);
    const lanes = [
      group.start(() =>
        fetch(0, { start: 0, into: into.subarray(0, end), digest: verification.digest, etag: undefined }),
      ),
    ];
    const object = await heading;
    if (object === undefined) return { status: 'miss' };
    if (object.byteLength > into.byteLength) {
      const reason = `the value has ${object.byteLength} bytes, more than the memory lent for it`;
      throw new KvferryError('BUFFER_TOO_SMALL', reason, { requiredBytes: object.byteLength });
    }

    const plan = rangePlan(object.byteLength, multipart.partBytes);
    let next = 1;
    const lane = async (): Promise<void> => {
      while (next < plan.count) {
        const index = next++;
        const { start, end } = partAt(plan, index);
        await fetch(index, {
          start,
          into: into.subarray(start, end),
          digest: object.checksum?.algorithm,
          etag: object.etag,
        });
      }
    };
    // Beside the first range, which is under way.
    while (lanes.length <= Math.min(width, plan.count - 1)) lanes.push(group.start(lane));
    await Promise.all(lanes);
    return judgePieces(object, pieces);
  }
}

/**
 * How a look at the value ended. `changed`: what was read is not of one object. `whole`: the store sends whole objects where it is asked for a
 * range.
 */
type Outcome = GetResult | 'changed' | 'whole';

interface RangeRequest {
  readonly key: Key;
  readonly start: number;
  /** Memory of the range, and so its length. */
  readonly into: Uint8Array;
  /** Name of the digest to take of it. */
  readonly digest: string | undefined;
  /** Entity tag that the object must have; `undefined` for any. */
  readonly etag: string | undefined;
  readonly freshConnection: boolean;
}

/** A range that came. */
interface Piece {
  readonly byteLength: number;
  /** Of the object that it is of, as its own answer has them. */
  readonly totalBytes: number;
  readonly etag: string | undefined;
  readonly checksum: (algorithm: StoredChecksum['algorithm']) => string;
}

async function getRange(
  plane: DataPlane,
  range: RangeRequest,
  signal: AbortSignal,
): Promise<Piece | 'miss' | 'changed' | 'whole'> {
  const { digest, etag, freshConnection, into, key, start } = range;
  const plainHeaders = ['range', `bytes=${start}-${start + into.byteLength - 1}`];
  // A weak tag never matches (RFC 9110, section 13.1.1).
  if (etag !== undefined && !etag.startsWith('W/')) plainHeaders.push('if-match', etag);
  try {
    return await plane.request<Piece | 'miss' | 'changed' | 'whole'>({
      operation: 'get',
      method: 'GET',
      key,
      signedHeaders: [],
      plainHeaders,
      into,
      digest,
      freshConnection,
      signal,
      accept: (response) => accept(response, range),
      onMiss: 'miss',
    });
  } catch (thrown) {
    const isWhole = KvferryError.is(thrown) && thrown.code === 'BUFFER_TOO_SMALL' && thrown.httpStatus === 200;
    if (isWhole) return 'whole';
    throw thrown;
  }
}

function accept(response: WireResponse, { digest: name, into, start }: RangeRequest): Piece | 'changed' | undefined {
  const { bodyBytes, digest: value, headers, status } = response;
  const piece = (totalBytes: number): Piece => ({
    byteLength: bodyBytes,
    totalBytes,
    etag: headers.get('etag'),
    checksum: (algorithm) => checksumOfDigest(name ?? '', value ?? '', algorithm),
  });
  switch (status) {
    case 206: {
      const [from, to, totalBytes] = contentRange(headers.get('content-range'));
      const isComplete =
        from === start && to === Math.min(start + into.byteLength, totalBytes) && bodyBytes === to - from;
      if (isComplete) return piece(totalBytes);
      throw new KvferryError(
        'CORRUPT',
        `of ${into.byteLength} bytes from ${start} on, the store sent ${bodyBytes} as ${headers.get('content-range')}`,
        { httpStatus: status, requestId: headers.get('x-amz-request-id') },
      );
    }
    case 200:
      // Whole, and as short as one range: an object of that length.
      refuseErrorDocument(response, into);
      return piece(bodyBytes);
    case 412:
      return 'changed';
    case 416:
      // An object without bytes has no first one. Any other range was asked for by the object's own length.
      return start > 0 ? 'changed' : { ...piece(0), byteLength: 0, etag: undefined };
    default:
      return undefined;
  }
}

/** First byte, end (exclusive) and length of the object, of `bytes 0-9/100`; NaN for what is none. */
function contentRange(header: string | undefined): readonly [number, number, number] {
  const [, first, last, total] = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(header ?? '') ?? [];
  return [Number(first), Number(last) + 1, Number(total)];
}

function judgePieces({ byteLength, checksum, etag }: ObjectFacts, pieces: readonly Piece[]): Outcome {
  for (const piece of pieces) {
    const isOther = piece.etag !== undefined && etag !== undefined && piece.etag !== etag;
    if (isOther || piece.totalBytes !== byteLength) return 'changed';
  }
  if (checksum === undefined) return { status: 'hit', byteLength, verified: 'length' };
  const { algorithm, value } = checksum;
  // An answer without a body has no digest.
  const taken = pieces.filter((piece) => piece.byteLength > 0);
  const actual = combineCrcs(
    algorithm,
    taken.map((piece) => ({ byteLength: piece.byteLength, crc: piece.checksum(algorithm) })),
  );
  if (actual === value) return { status: 'hit', byteLength, verified: 'checksum' };
  throw corruptValue(byteLength, checksum, actual);
}
