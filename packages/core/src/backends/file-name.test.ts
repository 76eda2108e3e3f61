import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Key, keyProblem } from '../keys.ts';
import { fileNameOf, keyOfFileName, keyPrefixOfFolder } from './file-name.ts';

const character = fc.oneof(
  fc.constantFrom(...'aAzZ09.~%+_-@=, &kvKV'),
  fc.string({ unit: 'grapheme', minLength: 1, maxLength: 1 }),
);
const segment = fc.oneof(
  fc.array(character, { minLength: 1, maxLength: 12 }).map((characters) => characters.join('')),
  fc.tuple(character, fc.integer({ min: 1, max: 255 })).map(([text, times]) => text.repeat(times)),
  fc.constantFrom('con', 'NUL', 'com1.x', 'x.kv', '.kv', '.hidden', 'end.', 'a%2fb', '+a', '%2B', '~tmp', 'x~'),
);
const key: fc.Arbitrary<Key> = fc
  .array(segment, { minLength: 1, maxLength: 4 })
  .map((segments) => segments.join('/'))
  .filter((text) => keyProblem(text) === undefined);

describe('file names', () => {
  const table: readonly (readonly [key: Key, fileName: string])[] = [
    ['a', 'a.kv'],
    ['a/b', 'a/b.kv'],
    ['kv1/ab/0123456789abcdef/ab12', 'kv1/ab/0123456789abcdef/ab12.kv'],
    ['Llama-3.1@8B', '+llama-3.1@8+b.kv'],
    ['x.kv', 'x%2ekv.kv'],
    ['x.kv/y', 'x%2ekv/y.kv'],
    ['.a/b.', '%2ea/b%2e.kv'],
    ['100% ü', '100%25%20%c3%bc.kv'],
    ['~tmp', '%7etmp.kv'],
    ['con/nul.txt', '%63on/%6eul.txt.kv'],
    ['console', 'console.kv'],
    ['lostFound/x', '%6cost+found/x.kv'],
    ['lostFounds', 'lost+founds.kv'],
    ['x'.repeat(240), `${'x'.repeat(240)}.kv`],
    ['x'.repeat(241), `${'x'.repeat(240)}~/x.kv`],
    [`${'X'.repeat(121)}/y`, `${'+x'.repeat(120)}~/+x/y.kv`],
  ];
  test.each(table)('of %s', (text, fileName) => {
    expect(fileNameOf(text)).toBe(fileName);
    expect(keyOfFileName(fileName)).toBe(text);
  });

  test('lead back to their key, so no two keys share one', () => {
    fc.assert(
      fc.property(key, (text) => {
        expect(keyOfFileName(fileNameOf(text))).toBe(text);
      }),
      { numRuns: 500 },
    );
  });

  test('are the same on file systems that ignore case or fold Unicode, and fit in 255 bytes', () => {
    fc.assert(
      fc.property(key, (text) => {
        const fileName = fileNameOf(text);
        expect(fileName).toMatch(/^[\x21-\x7e]+$/);
        expect(fileName).toBe(fileName.toLowerCase());
        for (const name of fileName.split('/')) {
          expect(name.length).toBeGreaterThan(0);
          expect(name.length).toBeLessThanOrEqual(255);
          expect(name).not.toMatch(/^\.\.?$|[.]$|^~|^(con|prn|aux|nul|com\d|lpt\d)(\.|$)/);
        }
      }),
      { numRuns: 500 },
    );
  });

  test('never make a folder of what is a file', () => {
    fc.assert(
      fc.property(key, (text) => {
        const folders = fileNameOf(text).split('/').slice(0, -1);
        for (const name of folders) expect(name.endsWith('.kv')).toBe(false);
      }),
      { numRuns: 500 },
    );
  });

  test('lie in folders that tell how their keys begin', () => {
    fc.assert(
      fc.property(key, (text) => {
        const names = fileNameOf(text).split('/').slice(0, -1);
        for (let depth = 0; depth <= names.length; depth += 1) {
          const start = keyPrefixOfFolder(names.slice(0, depth).join('/'));
          expect(text.startsWith(start ?? 'no start')).toBe(true);
        }
      }),
      { numRuns: 500 },
    );
  });

  test('that are not ours have no key', () => {
    const foreign = [
      'a',
      'a.KV',
      'A.kv',
      '.kv',
      '.a.kv',
      '%61.kv',
      '%2E.kv',
      '%ff.kv',
      '%2.kv',
      '+%.kv',
      '+1.kv',
      '%2e/a.kv',
      'a b.kv',
      'con.kv',
      `${'x'.repeat(10)}~/x.kv`,
      '%00.kv',
      'x.kv/y.kv',
      '~tmp/1-0123456789abcdef.part',
    ];
    for (const fileName of foreign) expect([fileName, keyOfFileName(fileName)]).toEqual([fileName, undefined]);
  });

  test.each([
    '~tmp',
    'Photos',
    // Of the file system: snapshots, and what its checker found, where only the superuser may look.
    '.snapshot',
    '.snapshot/hourly',
    'lost+found',
    'con',
    'x.kv',
    '%61',
    `${'x'.repeat(10)}~`,
  ])('folder %s holds no keys', (folder) => {
    expect(keyPrefixOfFolder(folder)).toBeUndefined();
  });

  test('of any text never give a key that has another name', () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom(...'aA.~%+/kv25ec'), { maxLength: 12 }).map((list) => `${list.join('')}.kv`),
        (fileName) => {
          const found = keyOfFileName(fileName);
          if (found !== undefined) expect(fileNameOf(found)).toBe(fileName);
        },
      ),
      { numRuns: 2000 },
    );
  });
});
