import { KvferryError } from './errors.ts';

/**
 * Names one value. 1 to 512 bytes of UTF-8: segments of 1 to 255 bytes joined by single `/`; no `.` or `..` segment, no
 * control character (U+0000 to U+001F, U+007F to U+009F), no lone surrogate, neither U+FFFE nor U+FFFF (the listings of S3 are XML, which
 * has no way to write them).
 *
 * Every backend stores every valid key and never maps two keys to one object. That `a` and `a/b` live side by side is not
 * promised: some stores refuse it.
 */
export type Key = string;

/** The longest key, in bytes of UTF-8. */
export const MAX_KEY_BYTES = 512;
/** The longest segment of a key, in bytes of UTF-8: what file systems and MinIO take as one name. */
export const MAX_KEY_SEGMENT_BYTES = 255;

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for
const controlCharacter = /[\u0000-\u001f\u007f-\u009f]/;
/** ASCII, of segments that begin with no dot. */
const plainKey = /^[\w@%-][\w@%.-]*(?:\/[\w@%-][\w@%.-]*)*$/;
const unwritable = /[\ufffe\uffff]/;

/** Says what is wrong with a key, or `undefined` for a valid one of at most `maxBytes` bytes. */
export function keyProblem(key: unknown, maxBytes: number = MAX_KEY_BYTES): string | undefined {
  if (typeof key !== 'string') return `a key is a string, not ${key === null ? 'null' : typeof key}`;
  // What most keys are made of; to look at everything costs three times as much.
  if (key.length <= Math.min(maxBytes, MAX_KEY_SEGMENT_BYTES) && plainKey.test(key)) return undefined;
  if (key.length === 0) return 'a key is not empty';
  if (!key.isWellFormed()) return 'a key is well-formed Unicode; this one has a lone surrogate';
  if (controlCharacter.test(key)) return 'a key has no control character';
  if (unwritable.test(key)) return 'a key has neither U+FFFE nor U+FFFF';
  const byteLength = Buffer.byteLength(key);
  if (byteLength > maxBytes) return `a key has at most ${maxBytes} bytes here; this one has ${byteLength}`;
  for (const segment of key.split('/')) {
    if (segment.length === 0) return "a key's segments are joined by single slashes, with none at either end";
    if (segment === '.' || segment === '..') return `a key has no "${segment}" segment`;
    if (segment.length > MAX_KEY_SEGMENT_BYTES / 3 && Buffer.byteLength(segment) > MAX_KEY_SEGMENT_BYTES) {
      return `a segment of a key has at most ${MAX_KEY_SEGMENT_BYTES} bytes; one here has ${Buffer.byteLength(segment)}`;
    }
  }
  return undefined;
}

/** Whether a valid key can start with this text. */
export function isKeyPrefix(text: string): boolean {
  if (text === '') return true;
  // What stands behind the last slash goes on; so does a `.`.
  const last = text.slice(text.lastIndexOf('/') + 1);
  return keyProblem(last === '' || last === '.' || last === '..' ? `${text}x` : text) === undefined;
}

/** Throws INVALID_ARGUMENT for what is not a valid key. */
export function assertKey(key: unknown): asserts key is Key {
  const problem = keyProblem(key);
  if (problem !== undefined) {
    throw new KvferryError('INVALID_ARGUMENT', `${problem}: ${JSON.stringify(key)?.slice(0, 120)}`);
  }
}
