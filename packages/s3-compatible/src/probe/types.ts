import type { S3ConnectionOptions } from '@kvferry/s3-protocol';
import type { AddressingStyle, StoreProfile } from '../profile.ts';

/** Options of {@link probe}: how the store is reached. */
export interface ProbeOptions extends Omit<S3ConnectionOptions, 'ioThreads' | 'multipart' | 'verify' | 'maxAttempts'> {
  /** As of `s3Compatible`. */
  readonly endpoint?: string | undefined;
  /** As of `s3Compatible`. */
  readonly region?: string | undefined;
  /** Tries this way alone. Default: both. */
  readonly addressing?: AddressingStyle | undefined;
  /** What has not been found out by then stays unknown, in milliseconds. Default 120,000. Tidying up comes after it, in at most 30,000. */
  readonly maxMs?: number | undefined;
}

/** What can be found out by trying, in the order in which it is reported. */
export const PROBE_SUBJECTS = [
  // The bucket's name in the host; in the path.
  'addressing.virtual',
  'addressing.path',
  // TLS at the endpoint, and HTTP/2 chosen where it is offered beside HTTP/1.1.
  'tls',
  'protocol.h2',
  // A PUT with CRC32C is taken; a wrong one refused, and nothing stored; GET of the whole object gives it back.
  'checksum.taken',
  'checksum.verified',
  'checksum.returned',
  // A second PUT with `If-None-Match: *` is answered 412 and changes nothing; of 8 writers at once one is stored.
  'create.kept',
  'create.raced',
  // 206 with exactly the bytes asked for; 412 where `If-Match` names another value.
  'range.exact',
  'range.if-match',
  // An upload in two parts is whole; its CRC32C is that of the whole object.
  'multipart.whole',
  'multipart.checksum',
  // A prefix that ends in the middle of a name; names in order of their bytes; pages that go on where the last ended.
  'list.prefix',
  'list.order',
  'list.pages',
  // DELETE of what is there, and of what is not; DeleteObjects as the AWS SDK sends it.
  'delete.single',
  'delete.bulk',
  // Keys of 512 bytes are stored, and stored again.
  'keys.longest',
] as const;

/** What can be found out by trying. */
export type ProbeSubject = (typeof PROBE_SUBJECTS)[number];

/** One thing that was tried. */
export interface ProbeFinding {
  readonly subject: ProbeSubject;
  /** `unknown`: it could not be tried, or its answer says neither. */
  readonly status: 'yes' | 'no' | 'unknown';
  /** What the store answered, or why nobody knows. */
  readonly seen: string;
}

/** What came out of trying a store. Plain data, but for nothing: it survives JSON. */
export interface ProbeReport {
  readonly endpoint: string;
  readonly bucket: string;
  readonly region: string;
  /** Who asked, without a secret. */
  readonly identity: string;
  /** To paste into `provider`. What was not found out is as in the profile `generic`, the least there is. */
  readonly profile: StoreProfile;
  /** One for each subject. */
  readonly findings: readonly ProbeFinding[];
  readonly requests: number;
  /** Bytes of bodies, both ways together. */
  readonly bytes: number;
  readonly seconds: number;
  /** Keys of the probe's own that may still be there, with why. Empty where all is as before. */
  readonly leftovers: readonly string[];
}
