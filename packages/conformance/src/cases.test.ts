import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { areaOf, conformanceDocument } from '../scripts/documents.ts';
import { cases } from './cases/index.ts';
import { LEVELS } from './levels.ts';
import { SUITE_VERSION } from './versions.ts';

/** Text of a file of the repository. */
const read = (path: string): string => readFileSync(new URL(`../../../${path}`, import.meta.url), 'utf8');

/** As it reads, without line breaks, comment stars and emphasis. */
const folded = (text: string): string => text.replaceAll('*', ' ').replace(/\s+/g, ' ').trim();

const contract = folded(
  ['backend', 'driver', 'keys', 'errors'].map((name) => read(`packages/core/src/${name}.ts`)).join('\n'),
);

describe('every case', () => {
  test('has an id of its own, of an area and a number', () => {
    const ids = cases.map(({ id }) => id);
    expect(ids.filter((id) => !/^[A-Z]+(-[A-Z]+)*-\d{2,}$/.test(id))).toEqual([]);
    expect(ids.filter((id, index) => ids.indexOf(id) !== index)).toEqual([]);
  });

  test('stands with the others of its area, in the order of their numbers', () => {
    const ids = cases.map(({ id }) => id);
    const areas = [...new Set(ids.map(areaOf))];
    expect(ids).toEqual(areas.flatMap((area) => ids.filter((id) => areaOf(id) === area).sort()));
  });

  test.for(cases.map(({ id, sentence }) => ({ id, sentence })))(
    '$id: its sentence stands in the contract',
    ({ sentence }) => {
      expect(sentence).not.toBe('');
      expect(contract).toContain(folded(sentence));
    },
  );

  test('came with this version of the suite or an earlier one', () => {
    const collator = new Intl.Collator('en', { numeric: true });
    expect(cases.filter(({ since }) => !/^\d+\.\d+\.\d+$/.test(since))).toEqual([]);
    expect(cases.filter(({ since }) => collator.compare(since, SUITE_VERSION) > 0)).toEqual([]);
  });

  test('of level core needs no network', () => {
    const network = ['bytes', 'denied', 'throttled', 'unavailable', 'missingNamespace', 'errorAfterSuccess'];
    const wrong = cases.filter(({ level, needs }) => level === 'core' && needs.some((need) => network.includes(need)));
    expect(wrong.map(({ id }) => id)).toEqual([]);
    expect(cases.filter(({ level }) => !LEVELS.includes(level))).toEqual([]);
  });

  test('is in docs/conformance.md as it is', () => {
    expect(read('docs/conformance.md'), 'run: npm run generate').toBe(conformanceDocument(cases));
  });
});
