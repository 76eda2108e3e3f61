import { type Key, keyProblem } from '../keys.ts';

/**
 * Names the file of a key, as a path relative to the store's folder with `/` between folders.
 *
 * A segment is a folder, the last one a file with `.kv` at its end, so that `a` and `a/b` live side by side. Names stay readable and
 * yet are one to one on file systems that ignore case, fold Unicode or reserve names (APFS, NTFS): lower-case letters, digits and
 * `. _ - @ = ,` stand for themselves, `+a` is `A`, every other byte is `%` and two hex digits. A segment of more than 240 characters
 * goes on in a folder of its own, whose name ends in `~`.
 */
export function fileNameOf(key: Key): string {
  return `${key.split('/').map(encodeSegment).join('/')}${FILE_SUFFIX}`;
}

/** Gives the key of a file, or `undefined` for a file that is not ours: one whose name `fileNameOf` does not give. */
export function keyOfFileName(path: string): Key | undefined {
  if (!path.endsWith(FILE_SUFFIX)) return undefined;
  const key = decode(path.slice(0, -FILE_SUFFIX.length));
  return key !== undefined && keyProblem(key) === undefined && fileNameOf(key) === path ? key : undefined;
}

/** Gives what the keys of all files under a folder begin with, or `undefined` for a folder that holds none of ours. */
export function keyPrefixOfFolder(path: string): string | undefined {
  if (path === '') return '';
  const start = path.endsWith(CONTINUED) ? decode(path.slice(0, -CONTINUED.length)) : decode(`${path}/`);
  return start !== undefined && fileNameOf(start + LONGEST_CHARACTER).startsWith(`${path}/`) ? start : undefined;
}

const FILE_SUFFIX = '.kv';
const CONTINUED = '~';

/** File systems take 255 bytes as one name; the rest is room for the suffix and for one escaped character more. */
const MAX_NAME_LENGTH = 240;
/** Twelve characters when encoded: more than any name that goes on in a folder of its own has room for. */
const LONGEST_CHARACTER = '\u{10000}';

/**
 * What does not stand for itself. A dot does not at the start (hidden files), at the end (Windows drops it), nor where it would give a
 * folder the suffix of a file.
 */
const escaped = /^\.|\.$|\.(?=kv$)|[^a-z0-9._@=,-]/gu;
/** One character of the key in its encoded form: an upper-case letter, one or more bytes of UTF-8, or itself. */
const encodedCharacter = /\+.|%[c-f].(?:%[89ab].)+|%..|./g;
/** Names that Windows keeps for devices, with and without an extension, and the folder that Linux keeps for its file system checker. */
const reservedName = /^(?:(?:con|prn|aux|nul|com\d|lpt\d)(?=\.|$)|lost\+found$)/;
const encodedText = /^(?:\+[a-z]|%[0-9a-f]{2}|[a-z0-9._@=,/-])*$/;

function encodeSegment(segment: string): string {
  const text = segment.replace(escaped, escapeCharacter);
  if (text.length <= MAX_NAME_LENGTH) return withoutReservedName(text);
  const names: string[] = [];
  let name = '';
  for (const [character] of text.matchAll(encodedCharacter)) {
    if (name.length + character.length > MAX_NAME_LENGTH) {
      names.push(withoutReservedName(name) + CONTINUED);
      name = '';
    }
    name += character;
  }
  return [...names, withoutReservedName(name)].join('/');
}

function escapeCharacter(character: string): string {
  return character >= 'A' && character <= 'Z' ? `+${character.toLowerCase()}` : percentOf(character);
}

function percentOf(character: string): string {
  return Buffer.from(character).toString('hex').replace(/../g, '%$&');
}

function withoutReservedName(name: string): string {
  return reservedName.test(name) ? percentOf(name.charAt(0)) + name.slice(1) : name;
}

function decode(path: string): string | undefined {
  const text = path.replaceAll(`${CONTINUED}/`, '');
  if (!encodedText.test(text)) return undefined;
  try {
    return decodeURIComponent(text.replace(/\+(.)/g, (_, letter: string) => letter.toUpperCase()));
  } catch {
    // Bytes that are no UTF-8.
    return undefined;
  }
}
