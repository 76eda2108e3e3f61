import { KvferryError } from '@kvferry/core';
import type { MultipartProfile, S3Profile } from './types.ts';

const MIB = 1024 ** 2;
const GIB = 1024 ** 3;
const TIB = 1024 ** 4;

/** The least of a part that is not the last ("Amazon S3 multipart upload limits", https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html). */
export const MIN_PART_BYTES: number = 5 * MIB;
/** The most of a part, and of a PUT (same page). */
export const MAX_PART_BYTES: number = 5 * GIB;
/** The most parts of an upload (same page). */
const MAX_PARTS = 10_000;
/** The largest object. AWS itself has raised this to 48.8 TiB (same page); what speaks its protocol elsewhere has mostly stayed at 5 TiB. */
const MAX_OBJECT_BYTES = 5 * TIB;

/** How a value is cut: into `count` pieces of `partBytes`, of which the last may have less. */
export interface PartPlan {
  readonly byteLength: number;
  readonly partBytes: number;
  readonly count: number;
}

/**
 * Cuts a value for an upload. All parts but the last have the same length, as R2 asks for: the profile's, or, where 10,000 of those would not
 * do, the least whole number of MiB with which they do.
 */
export function partPlan(byteLength: number, { partBytes }: Pick<MultipartProfile, 'partBytes'>): PartPlan {
  if (byteLength <= MAX_PARTS * partBytes) return rangePlan(byteLength, partBytes);
  return rangePlan(byteLength, Math.ceil(byteLength / MAX_PARTS / MIB) * MIB);
}

/** Cuts a value for a read, which may have any number of ranges. */
export function rangePlan(byteLength: number, partBytes: number): PartPlan {
  return { byteLength, partBytes, count: Math.ceil(byteLength / partBytes) };
}

/** Where the part of this index (0 for the first) begins, and where it ends (exclusive). */
export function partAt(
  { byteLength, partBytes }: PartPlan,
  index: number,
): { readonly start: number; readonly end: number } {
  const start = index * partBytes;
  return { start, end: Math.min(start + partBytes, byteLength) };
}

/** The largest value that a store of this profile takes, in bytes. */
export function maxValueBytes({ maxPutBytes, multipart }: Pick<S3Profile, 'maxPutBytes' | 'multipart'>): number {
  return multipart === 'none' ? maxPutBytes : MAX_OBJECT_BYTES;
}

/**
 * What holds for a backend: the profile's plan with the lengths that options give in place of its own. What fits one part is never cut, nor is
 * anything sent as one that the store would not take as one.
 *
 * Throws CONFIG_INVALID for options that the profile leaves no room for.
 */
export function effectiveMultipart(
  profile: Pick<S3Profile, 'id' | 'maxPutBytes' | 'multipart'>,
  options: Partial<Pick<MultipartProfile, 'thresholdBytes' | 'partBytes'>> | undefined,
): MultipartProfile | 'none' {
  if (profile.multipart === 'none') {
    if (options === undefined) return 'none';
    throw new KvferryError(
      'CONFIG_INVALID',
      `\`multipart\`: a store of profile ${profile.id} takes single requests alone`,
    );
  }
  const partBytes = options?.partBytes ?? profile.multipart.partBytes;
  const thresholdBytes = options?.thresholdBytes ?? profile.multipart.thresholdBytes;
  return {
    partBytes,
    thresholdBytes: Math.min(Math.max(thresholdBytes, partBytes), profile.maxPutBytes),
    fullObjectChecksum: profile.multipart.fullObjectChecksum,
  };
}
