import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { pythonText } from './python-values.ts';
import { resolvePlainScalar, resolveTaggedScalar } from './yaml-scalars.ts';

type Row = readonly [text: string, kind: string, python?: string];

const table = JSON.parse(readFileSync(new URL('../../fixtures/pyyaml-scalars.json', import.meta.url), 'utf8')) as {
  scalars: Row[];
};

test('reads every plain scalar as PyYAML does', () => {
  expect(table.scalars.length).toBeGreaterThan(2_000);
  const wrong = table.scalars.flatMap(([text, kind, python]) => {
    const value = resolvePlainScalar(text);
    const read = value === undefined ? 'refused' : `${value.kind} ${pythonText(value)}`;
    const expected = kind === 'refused' ? 'refused' : `${kind} ${kind === 'null' ? 'None' : (python ?? text)}`;
    return read === expected ? [] : [{ text, read, expected }];
  });
  expect(wrong).toEqual([]);
});

test.each([
  ['!!str', '010', { kind: 'text', value: '010' }],
  ['tag:yaml.org,2002:int', '010', { kind: 'int', value: 8n }],
  ['!!int', 'x', undefined],
  ['!!int', '', undefined],
  ['!!float', '1', { kind: 'float', value: 1 }],
  ['!!bool', 'YES', { kind: 'bool', value: true }],
  ['!!bool', 'y', undefined],
  ['!!null', 'x', { kind: 'null' }],
  ['!secret', 'x', undefined],
])('reads %s %j', (tag, text, expected) => {
  expect(resolveTaggedScalar(tag, text)).toEqual(expected);
});
