import { describe, expect, test } from 'vitest';
import type { PyNode } from './python-values.ts';
import { textNode } from './python-values.ts';
import type { KeyType } from './table.ts';
import { convertExtra, convertTopLevel, environmentText, readJson, type SettingValue } from './values.ts';
import { readYaml } from './yaml-document.ts';

function yamlValue(written: string): PyNode {
  const document = readYaml(`k: ${written}\n`, {});
  const root = document.status === 'read' ? document.root : undefined;
  const entry = root?.value.kind === 'map' ? root.value.entries[0] : undefined;
  if (entry === undefined) throw new Error(`not readable: ${written}`);
  return entry.node;
}

type Row = readonly [written: string, value: SettingValue | 'FAILS', note?: string];

/** Each row with its text in front, for the title. */
function named(rows: readonly Row[]): (readonly [string, Row])[] {
  return rows.map((row) => [row[0], row] as const);
}

function outcome(conversion: ReturnType<typeof convertTopLevel>): unknown[] {
  if (conversion.status === 'failed') return ['FAILS', undefined];
  return [conversion.value, conversion.note?.kind];
}

const FILE: Readonly<Partial<Record<KeyType, readonly Row[]>>> = {
  bool: [
    ['True', true],
    ['true', true],
    ['yes', true],
    ['on', true],
    ['off', false],
    ['"True"', true],
    ['"False"', false],
    ['1', true],
    ['"yes"', false, 'text-for-bool'],
    ['y', false, 'text-for-bool'],
    ['2', false, 'text-for-bool'],
    ['1.0', false, 'text-for-bool'],
    ['n', false],
    ['', null, 'null-for-bool'],
    ['null', null, 'null-for-bool'],
  ],
  int: [
    ['256', 256],
    ['"256"', 256],
    ['" 256 "', 256],
    ['0x100', 256],
    ['-0x10', -16],
    ['1_024', 1024],
    ['+7', 7],
    ['0', 0],
    ['00', 0],
    ['10.0', 10],
    ['010', 8, 'read-otherwise'],
    ['1:30', 90, 'read-otherwise'],
    ['10.7', 10, 'read-otherwise'],
    ['true', 1, 'read-otherwise'],
    ['"10.7"', 'FAILS'],
    ['1e3', 'FAILS'],
    ['"0x100"', 'FAILS'],
    ['.inf', 'FAILS'],
    ['many', 'FAILS'],
    ['[1]', 'FAILS'],
    ['null', null],
  ],
  float: [
    ['5', 5],
    ['5.5', 5.5],
    ['"1e2"', 100],
    ['"1_0.5"', 10.5],
    ['.inf', Number.POSITIVE_INFINITY],
    ['nan', Number.NaN],
    ['010', 8, 'read-otherwise'],
    ['1:30.5', 90.5, 'read-otherwise'],
    ['true', 1, 'read-otherwise'],
    ['5GB', 'FAILS'],
    ['""', 'FAILS'],
  ],
  text: [
    ['naive', 'naive'],
    ['"010"', '010'],
    ['None', 'None'],
    ['null', null],
    ['2001-12-14', '2001-12-14'],
    ['010', '8', 'read-otherwise'],
    ['1.10', '1.1', 'read-otherwise'],
    ['true', 'True', 'read-otherwise'],
    ['[a]', 'FAILS'],
    ['{a: 1, b: 2}', 'FAILS'],
  ],
  'int-list': [
    ['"1, 2,,3"', [1, 2, 3]],
    ['[1, "2", 3.7]', [1, 2, 3]],
    ['5', [5]],
    ['""', []],
    ['"[1,2]"', 'FAILS'],
    ['1.5', 'FAILS'],
    ['[a]', 'FAILS'],
  ],
  'float-list': [
    ['[1, 0.5]', [1, 0.5]],
    ['"0.5,1"', [0.5, 1]],
    ['0.5', [0.5]],
  ],
  'text-list': [
    ['[a, b]', ['a', 'b']],
    ['"a, b,"', ['a', 'b']],
    ['\'["a"]\'', ['["a"]']],
    ['5', 'FAILS'],
  ],
};

describe('at top level', () => {
  for (const [type, rows] of Object.entries(FILE) as [KeyType, readonly Row[]][]) {
    test.each(named(rows))(`${type} %s`, (_name, [written, value, note]) => {
      expect(outcome(convertTopLevel(type, yamlValue(written)))).toEqual([value, note]);
    });
  }
});

const INSIDE: Readonly<Partial<Record<KeyType, readonly Row[]>>> = {
  bool: [
    ['False', false],
    ['True', true],
    ['"False"', true, 'text-is-true'],
    ['"0"', true, 'text-is-true'],
    ['"no"', true, 'text-is-true'],
    ['"true"', true],
    ['""', false],
    ['0', false],
    ['2', true],
    ['null', false, 'null-for-bool'],
  ],
  int: [
    ['"64"', 64],
    ['64.9', 64, 'read-otherwise'],
    ['abc', 'FAILS'],
    ['null', 'FAILS'],
  ],
  text: [
    ['us-east-1', 'us-east-1'],
    ['null', null],
    ['""', ''],
  ],
};

describe('inside extra_config', () => {
  for (const [type, rows] of Object.entries(INSIDE) as [KeyType, readonly Row[]][]) {
    test.each(named(rows))(`${type} %s`, (_name, [written, value, note]) => {
      expect(outcome(convertExtra(type, yamlValue(written)))).toEqual([value, note]);
    });
  }
});

test.each([
  ['256', '256'],
  ['  256 ', '256'],
  ['"256"', '256'],
  ["'x'", 'x'],
  ['"x\'', '"x\''],
  ['"', '"'],
  ['""', ''],
  ['"a\\nb"', 'a\nb'],
  ['\'{"a":1}\'', '{"a":1}'],
  ['"{"a":1}"', '{"a":1}'],
  ['"{\\"a\\":1}"', '{"a":1}'],
])('takes quotes off the variable %j', (raw, text) => {
  expect(environmentText(raw)).toBe(text);
});

test.each([
  ['true', true],
  ['True', true],
  ['1', true],
  ['yes', false],
  ['on', false],
  ['t', false],
  ['2', false],
  ['1.0', false],
])('a bool from the variable %s', (raw, value) => {
  expect(convertTopLevel('bool', textNode(environmentText(raw)))).toMatchObject({ value });
});

test('reads JSON with exact integers', () => {
  const node = readJson('{"a": 18446744073709551615, "b": 3.10, "c": [null, true]}');
  expect(node?.value).toMatchObject({
    kind: 'map',
    entries: [
      { key: 'a', node: { value: { kind: 'int', value: 18446744073709551615n } } },
      { key: 'b', node: { written: '3.10', value: { kind: 'float', value: 3.1 } } },
      {
        key: 'c',
        node: { value: { kind: 'list', items: [{ value: { kind: 'null' } }, { value: { kind: 'bool' } }] } },
      },
    ],
  });
  expect(readJson('None')).toBeUndefined();
});
