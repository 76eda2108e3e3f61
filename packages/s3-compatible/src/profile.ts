import { KvferryError, MAX_KEY_BYTES, nearestName } from '@kvferry/core';
import type { S3Profile } from '@kvferry/s3-protocol';

/** Where a bucket's name stands in a request: in the host or in the path. */
export type AddressingStyle = 'virtual' | 'path';

/** What a store does and how it is best used, as plain data: it survives JSON. */
export interface StoreProfile extends Omit<S3Profile, 'stat'> {
  /** Where the store takes the bucket's name, the better way first. */
  readonly addressing: readonly AddressingStyle[];
  /** HEAD with `Range: bytes=0-0` makes the store load the whole object into a cache near the reader: see the option `prestage`. */
  readonly prestages: boolean;
}

/** Checks a profile that a caller wrote or pasted. Throws CONFIG_INVALID naming the field. */
export function checkProfile(profile: StoreProfile): void {
  if (typeof profile !== 'object' || profile === null) fail('is the name of a provider, or a profile');
  checkFields(profile, FIELDS, '');
  if (typeof profile.id !== 'string' || profile.id === '') fail('.id is a name, for messages');
  const { addressing, multipart } = profile;
  const styles = Array.isArray(addressing) ? addressing : [];
  if (styles.length === 0 || styles.some((style) => style !== 'virtual' && style !== 'path')) {
    fail('.addressing lists what the store takes, the better way first: ["virtual", "path"], or one of them');
  }
  for (const name of ['create', 'bulkDelete', 'prestages'] as const) {
    if (typeof profile[name] !== 'boolean') fail(`.${name} is true or false`);
  }
  if (profile.checksum !== 'crc32c' && profile.checksum !== 'none') fail(".checksum is 'crc32c' or 'none'");
  if (profile.listing !== 'any' && profile.listing !== 'folders') fail(".listing is 'any' or 'folders'");
  checkBytes(profile.maxPutBytes, 'maxPutBytes', Number.MAX_SAFE_INTEGER);
  if (profile.maxKeyBytes !== undefined) checkBytes(profile.maxKeyBytes, 'maxKeyBytes', MAX_KEY_BYTES);
  if (multipart === 'none') return;
  if (typeof multipart !== 'object' || multipart === null) fail(".multipart is 'none', or an object");
  checkFields(multipart, ['thresholdBytes', 'partBytes', 'fullObjectChecksum'], 'multipart.');
  checkBytes(multipart.thresholdBytes, 'multipart.thresholdBytes', Number.MAX_SAFE_INTEGER);
  checkBytes(multipart.partBytes, 'multipart.partBytes', Number.MAX_SAFE_INTEGER);
  if (typeof multipart.fullObjectChecksum !== 'boolean') fail('.multipart.fullObjectChecksum is true or false');
}

const FIELDS = [
  'id',
  'addressing',
  'create',
  'checksum',
  'bulkDelete',
  'listing',
  'maxPutBytes',
  'maxKeyBytes',
  'multipart',
  'prestages',
] as const satisfies readonly (keyof StoreProfile)[];

function checkFields(value: object, known: readonly string[], prefix: string): void {
  for (const name of Object.keys(value)) {
    if (known.includes(name)) continue;
    const near = nearestName(name, known);
    fail(
      `has no field ${prefix}${name}; ${near === undefined ? `known are ${known.join(', ')}` : `did you mean ${near}?`}`,
    );
  }
}

function checkBytes(value: unknown, name: string, most: number): void {
  if (Number.isInteger(value) && (value as number) >= 1 && (value as number) <= most) return;
  const range = most === Number.MAX_SAFE_INTEGER ? 'of at least 1' : `from 1 to ${most}`;
  fail(`.${name} is a whole number of bytes ${range}, not ${JSON.stringify(value)}`);
}

function fail(reason: string): never {
  throw new KvferryError('CONFIG_INVALID', `s3-compatible: \`provider\`${reason.startsWith('.') ? '' : ' '}${reason}`);
}
