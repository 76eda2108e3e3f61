import { describe, expect, test } from 'vitest';
import type { PyNode } from './python-values.ts';
import { readYaml } from './yaml-document.ts';

function plain(node: PyNode | undefined): unknown {
  if (node === undefined) return undefined;
  const { value } = node;
  switch (value.kind) {
    case 'null':
      return null;
    case 'list':
      return value.items.map(plain);
    case 'map':
      return Object.fromEntries(value.entries.map((entry) => [entry.key, plain(entry.node)]));
    default:
      return value.value;
  }
}

function read(text: string, placeholders: Record<string, string> = {}) {
  const document = readYaml(text, placeholders);
  if (document.status === 'refused') throw new Error(`${document.line}: ${document.problem}`);
  return document;
}

describe('reads', () => {
  test.each([
    ['', undefined],
    ['# nothing\n', undefined],
    ['---\na: 1\n...\n', { a: 1n }],
    ['a:\n', { a: null }],
    ['a: 1\r\nb: 2\r\n', { a: 1n, b: 2n }],
    ['\ufeffa: 1', { a: 1n }],
    ['a: "010"\nb: 010\nc: \'yes\'\nd: yes\n', { a: '010', b: 8n, c: 'yes', d: true }],
    ['a: !!str 010\nb: !!int "7"\nc: ! 010\n', { a: '010', b: 7n, c: 8n }],
    ['a: [1, "x", y]\nb:\n- 1\n- c: 2\n', { a: [1n, 'x', 'y'], b: [1n, { c: 2n }] }],
    ['a: |\n  x\n  y\nb: >-\n  t\n  u\n', { a: 'x\ny\n', b: 't u' }],
    ['a: &x {b: 1, c: 2}\nd:\n  <<: *x\n  c: 3\n', { a: { b: 1n, c: 2n }, d: { b: 1n, c: 3n } }],
    [
      'a: &x {k: 1}\nb: &y {k: 2, l: 3}\nc:\n  <<: [*x, *y]\n',
      { a: { k: 1n }, b: { k: 2n, l: 3n }, c: { k: 1n, l: 3n } },
    ],
    ['a: "x\ty" # tabs\there\n', { a: 'x\ty' }],
    ['a: "x"# no space\n', { a: 'x' }],
    ['%YAML 1.2\n---\na: 010\n', { a: 8n }],
  ])('%j', (text, expected) => {
    expect(plain(read(text).root)).toEqual(expected);
  });
});

describe('refuses, naming the line', () => {
  test.each([
    ['a tab between words', 'a: 1\nb:\t2\n', 2, 'tab'],
    ['a tab at the end', 'a: 1\t\n', 1, 'tab'],
    ['a tab to indent', 'a:\n\tb: 1\n', 2, 'tab'],
    ['two documents', 'a: 1\n---\nb: 2\n', 2, 'more than one'],
    ['a second, empty document', 'a: 1\n---\n', 2, 'more than one'],
    ['wrong indentation', 'a:\n  b: 1\n c: 2\n', 3, 'indentation'],
    ['an open quote', 'a: 1\nb: "x\n', 2, 'missing'],
    ['an open bracket', 'a: [1, 2\nb: 1\n', 2, 'bracket'],
    ['a reserved character', 'a: 1\nb: @x\n', 2, 'cannot start'],
    ['a colon in a value', 'a: b: c\n', 1, 'inside a value'],
    ['an unknown alias', 'a: *x\n', 1, 'alias'],
    ['an anchor twice', 'a: &x 1\nb: &x 2\n', 2, 'twice'],
    ['a value that contains itself', 'a: &x [*x]\n', 1, 'inside'],
    ['an unknown tag', 'a: !secret x\n', 1, 'tag'],
    ['a number that is none', 'a: 1\nb: 0x_\n', 2, 'number or a date'],
    ['an empty key', 'a: 1\n: 2\n', 2, 'no key'],
    ['a list as key', '[a]: 1\n', 1, 'key'],
    ['a control character', 'a: 1\nb: \u0007\n', 2, 'control'],
  ])('%s', (_name, text, line, words) => {
    expect(readYaml(text, {})).toMatchObject({ status: 'refused', line, problem: expect.stringContaining(words) });
  });

  test('without quoting the text', () => {
    for (const text of [
      'k: *hunter2\n',
      'k: !hunter2 x\n',
      'k: @hunter2\n',
      'k: "hunter2\n',
      'k: hunter2: x\n',
      '\thunter2: 1\n',
    ]) {
      expect(JSON.stringify(readYaml(text, {}))).not.toContain('hunter2');
    }
  });
});

test('gives the line of every key, also of one that is merged or nested', () => {
  const { root } = read('# c\na: 1\n\nb:\n  c: 2\n  d:\n    - 3\n');
  const lines = (node: PyNode | undefined): unknown =>
    node?.value.kind === 'map'
      ? node.value.entries.map((entry) => [entry.key, entry.line, lines(entry.node)])
      : undefined;
  expect(lines(root)).toEqual([
    ['a', 2, undefined],
    [
      'b',
      4,
      [
        ['c', 5, undefined],
        ['d', 6, undefined],
      ],
    ],
  ]);
});

test('keeps the last of two equal keys and names both lines', () => {
  const document = read('a: 1\nb:\n  c: 2\n  c: 3\na: 4\n');
  expect(plain(document.root)).toEqual({ b: { c: 3n }, a: 4n });
  expect(document.duplicates).toMatchObject([
    { path: 'b.c', firstLine: 3, lastLine: 4, node: { written: '3' } },
    { path: 'a', firstLine: 1, lastLine: 5, node: { written: '4' } },
  ]);
});

describe('placeholders', () => {
  test('are filled in before a value is read, quoted or not, and never in keys or comments', () => {
    const document = read('a: "x-{N}"\nb: {N}\nc: {N} # {N}\n"{N}": 1\nd: 0{N}\n', { N: '10' });
    expect(plain(document.root)).toEqual({ a: 'x-10', b: 10n, c: 10n, '{N}': 1n, d: 8n });
    expect([...document.filled]).toEqual(['N']);
  });

  test('stay as they are where nothing is given, also without quotes', () => {
    expect(plain(read('a: "{REGION}"\nb: {REGION}\nc: s3://{B}.x\n').root)).toEqual({
      a: '{REGION}',
      b: '{REGION}',
      c: 's3://{B}.x',
    });
  });

  test('do not move lines and cannot add keys', () => {
    const { root } = read('a: {N}\nb: 2\n', { N: 'x\nc: 3\n# ' });
    expect(plain(root)).toEqual({ a: 'x\nc: 3\n# ', b: 2n });
    expect(root?.value.kind === 'map' && root.value.entries.map((entry) => entry.line)).toEqual([1, 2]);
  });
});
