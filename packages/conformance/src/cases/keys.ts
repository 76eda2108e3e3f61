import assert from 'node:assert/strict';
import { type Key, MAX_KEY_SEGMENT_BYTES } from '@kvferry/core';
import type { CaseContext, ConformanceCase } from '../case.ts';
import {
  assertAllStored,
  assertListed,
  entriesOf,
  lengthsOf,
  listed,
  rejection,
  storeAll,
  untyped,
} from './support.ts';

/** Which keys a backend stores, and that it keeps them apart. */
export const cases: readonly ConformanceCase[] = [
  {
    id: 'KEYS-01',
    title: 'stores keys with every printable character of ASCII, at the start, inside and at the end',
    sentence: 'Every backend stores every valid key and never maps two keys to one object.',
    level: 'core',
    needs: [],
    since: '1.0.0',
    async run(context) {
      const characters = Array.from({ length: 0x7e - 0x20 + 1 }, (_, index) => String.fromCodePoint(0x20 + index));
      await storesApart(
        context,
        characters.filter((character) => character !== '/').map((at) => `${at}x${at}y${at}`),
      );
    },
  },
  {
    id: 'KEYS-02',
    title: 'keeps a key apart from those that look like it once they are decoded',
    sentence: 'Every backend stores every valid key and never maps two keys to one object.',
    level: 'core',
    needs: [],
    since: '1.0.0',
    async run(context) {
      await storesApart(context, [
        'p/q',
        'p%2Fq',
        'p%2fq',
        'p%252Fq',
        'p_q',
        'pq',
        'p+q',
        'p q',
        'p%20q',
        'p%2Bq',
        'p&amp;q',
        'p&q',
        'p?q',
        'p?q=r',
        'p#q',
        'p;q',
        'p:q',
        'p\\q',
        'p%5Cq',
        '%',
        '%25',
        '%2',
        '%zz',
        '%61',
        'a',
        '%00',
        '%2E%2E',
        '+',
        ' ',
      ]);
    },
  },
  {
    id: 'KEYS-03',
    title: 'keeps keys apart that differ in case alone',
    sentence: 'Every backend stores every valid key and never maps two keys to one object.',
    level: 'core',
    needs: [],
    since: '1.0.0',
    async run(context) {
      await storesApart(context, [
        'model/x',
        'Model/x',
        'MODEL/x',
        'model/X',
        'Model/X',
        'i',
        'I',
        'İ',
        'ı',
        'ß',
        'ẞ',
        'ss',
      ]);
    },
  },
  {
    id: 'KEYS-04',
    title: 'stores keys of all of Unicode, and keeps those apart that are drawn alike',
    sentence: 'Every backend stores every valid key and never maps two keys to one object.',
    level: 'core',
    needs: [],
    since: '1.0.0',
    async run(context) {
      await storesApart(context, [
        'é',
        'e\u0301',
        'Å',
        'A\u030a',
        '\u212b',
        'ﬁ',
        'fi',
        '模型/键',
        'ключ',
        '🚢',
        '🚢\ufe0f',
        '👩‍🚀',
        '\u00a0',
        '\u2028',
        '\u200b',
        '\ufeff',
        '\ufeffa',
        '\ufffd',
        '\u{10ffff}',
        'ｋ',
        'K',
        'k',
      ]);
    },
  },
  {
    id: 'KEYS-05',
    title: 'stores keys whose characters XML cannot carry',
    sentence: 'Every backend stores every valid key and never maps two keys to one object.',
    level: 'core',
    needs: [],
    since: '1.0.0',
    async run(context) {
      await storesApart(context, ['x\ufffdy', 'xy', '<x>&"\'</x>', ']]>', '<!--', '&#38;']);
    },
  },
  {
    id: 'KEYS-06',
    title: 'stores keys that file systems reserve or change',
    sentence: 'Every backend stores every valid key and never maps two keys to one object.',
    level: 'core',
    needs: [],
    since: '1.0.0',
    async run(context) {
      await storesApart(context, [
        '...',
        '....',
        '.hidden',
        '..hidden',
        'trailing.',
        'trailing..',
        'trailing',
        'trailing ',
        'trailing  ',
        ' leading',
        'leading',
        '.x./y',
        'x ./y',
        'x/y',
        '~',
        '~tmp/z',
        '-rf',
        'CON',
        'con',
        'con.txt',
        'NUL',
        'aux.tar.gz',
        'COM1',
        'lpt9/w',
        'a:b',
        'a::$DATA',
        'C:/v',
        'a*',
        'a|b',
        '$HOME',
        '`x`',
        'name.kv',
        'name.tmp',
        'name.part',
        '__proto__',
        'constructor',
        'toString',
      ]);
    },
  },
  {
    id: 'KEYS-07',
    title: 'stores the keys that LMCache writes',
    sentence: 'Every backend stores every valid key and never maps two keys to one object.',
    level: 'core',
    needs: [],
    since: '1.0.0',
    async run(context) {
      await storesApart(context, [
        'kvferry-small@1@0@-44645d66a8ed013d@bfloat16',
        'acme_tiny-1.0B_chat@1@0@a105e78ce8c86406@half',
        'acme_tiny-1.0B_chat@2@1@1f5b9bc0b125c612@uint8',
        'acme/tiny-1.0B_chat@1@0@a105e78ce8c86406@half',
        'deep_mla.v1@1@0@50ef504a449a501@bfloat16',
        'acme_fp8-model@1@0@-1343a7fe7b1170be@fp8_e4m3fn@user%alice@tenant%t1',
        'acme_fp8-model@1@0@-1343a7fe7b1170be@fp8_e4m3fn',
        'vllm@meta-llama_Llama-3.1-8B-Instruct@2@1@-13ca95e4793f0be',
        'meta-llama_Llama-3.1-8B-Instruct@2@1@5@bfloat16@user%a_b@b%2',
        'org/my model@1@0@5@half@name%Zoë Müller',
        'acme/tiny-1.0B_chat@02010201@0@15118df416b7d712f7eb9a3d536ace65df5e5f4399bd663b49733c1ace15190b',
        'acme/tiny-1.0B_chat@02010201@0@94ca4a8d5b1112d3269b01035e9dce61600733772988e3b24c9a90c665e34dec@tenant-1',
      ]);
    },
  },
  {
    id: 'KEYS-08',
    title: 'stores segments as long as they may be',
    sentence: '1 to 512 bytes of UTF-8: segments of 1 to 255 bytes joined by single `/`;',
    level: 'core',
    needs: [],
    since: '1.0.0',
    async run(context) {
      const room = context.capabilities.limits.maxKeyBytes - Buffer.byteLength(`${context.key()}//x`);
      const size = Math.min(MAX_KEY_SEGMENT_BYTES, room);
      const whole = (character: string): string => character.repeat(Math.floor(size / Buffer.byteLength(character)));
      await storesApart(context, [
        'x'.repeat(size),
        'X'.repeat(size),
        `${'x'.repeat(size - 1)}y`,
        '%'.repeat(size),
        whole('€'),
        whole('🚢') + 'abc'.slice(0, size % 4),
        `${'z'.repeat(size)}/x`,
      ]);
    },
  },
  {
    id: 'KEYS-09',
    title: 'stores keys as long as they may be',
    sentence: '1 to 512 bytes of UTF-8: segments of 1 to 255 bytes joined by single `/`;',
    level: 'core',
    needs: [],
    since: '1.0.0',
    async run(context) {
      const base = `${context.key()}/`;
      const room = context.capabilities.limits.maxKeyBytes - Buffer.byteLength(base);
      const long = (text: string, end: string) => base + inSegments(text, room - Buffer.byteLength(end)) + end;
      await storesKeysApart(context, base, [
        long('x', ''),
        long('x', 'y'),
        long('X', ''),
        long('%', ''),
        long('€', ''),
        long('x', '/z/z/z/z/z/z/z/z/z/z/z/z'),
        base + 'a/'.repeat(Math.floor((room - 1) / 2)) + 'a'.repeat(room % 2 === 0 ? 2 : 1),
      ]);
    },
  },
  {
    id: 'KEYS-10',
    title: 'refuses what is no valid key, for the whole call',
    sentence:
      'no `.` or `..` segment, no control character (U+0000 to U+001F, U+007F to U+009F), no lone surrogate, neither U+FFFE nor U+FFFF',
    level: 'core',
    needs: [],
    since: '1.0.0',
    async run({ open, key }) {
      const backend = await open();
      const good = key();
      const wrong: readonly unknown[] = [
        '',
        '/',
        '/a',
        'a/',
        'a//b',
        '.',
        '..',
        './a',
        'a/.',
        'a/./b',
        'a/../b',
        '../a',
        'a\u0000b',
        'a\nb',
        '\t',
        'a\u001f',
        'a\u007f',
        'a\u0080',
        'a\u009f',
        'a\ud800b',
        '\udc00',
        'a\ufffeb',
        'a\uffff',
        'x'.repeat(MAX_KEY_SEGMENT_BYTES + 1),
        `${'é'.repeat(128)}/x`,
        'ab/'.repeat(171),
        `${'ab/'.repeat(170)}abc`,
        undefined,
        null,
        42,
        {},
        ['a'],
        Buffer.from('a'),
        new String('a'),
      ];
      for (const [index, value] of wrong.entries()) {
        const key = untyped<Key>(value);
        const what = `wrong key ${index}, ${JSON.stringify(value)?.slice(0, 40)},`;
        await rejection(backend.stat([good, key]), 'INVALID_ARGUMENT', `stat of ${what}`);
        const into = new Uint8Array(1);
        await rejection(backend.get([{ key, into }]), 'INVALID_ARGUMENT', `get of ${what}`);
        const parts = [new Uint8Array(1)];
        await rejection(
          backend.put([
            { key: good, parts },
            { key, parts },
          ]),
          'INVALID_ARGUMENT',
          `put of ${what}`,
        );
        await rejection(backend.delete([good, key]), 'INVALID_ARGUMENT', `delete of ${what}`);
      }
      assert.deepEqual(lengthsOf(await backend.stat([good])), ['miss'], 'a valid key beside a wrong one was stored');
    },
  },
  {
    id: 'KEYS-11',
    title: 'lists keys as they were put, whatever their characters',
    sentence: 'Lists keys with the length of their values, page by page as the caller iterates, in no promised order.',
    level: 'core',
    needs: ['list'],
    since: '1.0.0',
    async run(context) {
      const backend = await context.open();
      const base = `${context.key()}/`;
      const names = [
        'p%2Fq',
        'p/q',
        'p q',
        'p+q',
        'p%20q',
        '&<>"\'',
        'é',
        'e\u0301',
        '🚢',
        '...',
        'x ',
        '~',
        'CON',
        'x\ufffdy',
        '%',
        '%25',
      ];
      const values = new Map(names.map((name, index) => [base + name, context.value(index)]));
      await storeAll(backend, values);
      assertListed(await listed(backend.list({ prefix: base })), entriesOf(values));
      for (const prefix of ['p%2F', 'p ', 'p+', 'p/', 'é', '🚢', '%', '&<', 'x\ufffd']) {
        const expected = [...entriesOf(values)].filter(([key]) => key.startsWith(base + prefix));
        assertListed(await listed(backend.list({ prefix: base + prefix })), new Map(expected));
      }
    },
  },
  {
    id: 'KEYS-12',
    title: 'refuses a key that is one byte too long',
    sentence: 'A longer one is INVALID_ARGUMENT.',
    level: 'core',
    needs: [],
    since: '1.0.0',
    async run({ open, key, capabilities }) {
      const backend = await open();
      const base = `${key()}/`;
      const tooLong = base + inSegments('x', capabilities.limits.maxKeyBytes + 1 - Buffer.byteLength(base));
      const length = `${Buffer.byteLength(tooLong)} bytes of ${capabilities.limits.maxKeyBytes}`;
      const into = new Uint8Array(1);
      await rejection(backend.stat([tooLong]), 'INVALID_ARGUMENT', `stat of a key of ${length}`);
      await rejection(backend.get([{ key: tooLong, into }]), 'INVALID_ARGUMENT', `get of a key of ${length}`);
      await rejection(backend.delete([tooLong]), 'INVALID_ARGUMENT', `delete of a key of ${length}`);
    },
  },
];

/** Stores a value of its own under each of these keys, side by side, and finds each as it was. */
async function storesApart(context: CaseContext, names: readonly string[]): Promise<void> {
  const base = `${context.key()}/`;
  const withoutFolders = names.filter((name) => !names.some((other) => other.startsWith(`${name}/`)));
  assert.equal(withoutFolders.length, names.length, 'the case puts a key and one below it, which no backend promises');
  await storesKeysApart(
    context,
    base,
    names.map((name) => base + name),
  );
}

async function storesKeysApart(context: CaseContext, base: string, keys: readonly Key[]): Promise<void> {
  const backend = await context.open();
  const values = new Map(keys.map((key, index) => [key, context.value(10 + index, index)]));
  assert.equal(values.size, keys.length, `the case names a key twice under ${base}`);
  assert.deepEqual(new Set(lengthsOf(await backend.stat(keys))), new Set(['miss']), 'before the put');
  await storeAll(backend, values);
  assert.deepEqual(lengthsOf(await backend.stat(keys)), [...entriesOf(values).values()], 'stat after the put');
  await assertAllStored(backend, values, 'after the put');
  // One more each, longer by one: what shared an object is found by the other's bytes.
  for (const [index, key] of keys.entries()) values.set(key, context.value(11 + index + keys.length, index + 1));
  await storeAll(backend, values);
  await assertAllStored(backend, values, 'after the second put');
}

/** Text of exactly this many bytes made of one character, cut into segments; what the character does not fill is `-`. */
function inSegments(character: string, byteLength: number): string {
  const size = Buffer.byteLength(character);
  const perSegment = Math.floor(150 / size) * size;
  let text = '';
  let left = byteLength;
  while (left > perSegment + 40) {
    text += `${character.repeat(perSegment / size)}/`;
    left -= perSegment + 1;
  }
  const whole = Math.floor(left / size);
  return text + character.repeat(whole) + '-'.repeat(left - whole * size);
}
