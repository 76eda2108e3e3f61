import { describe, expect, it } from 'vitest';
import { effectiveMultipart, maxValueBytes, partAt, partPlan, rangePlan } from './part-plan.ts';

const MIB = 1024 ** 2;
const GIB = 1024 ** 3;
const TIB = 1024 ** 4;

describe('partPlan', () => {
  it.each([
    // byteLength, the profile's part, then part and count
    ['one part exactly', 16 * MIB, 16 * MIB, 16 * MIB, 1],
    ['one byte more', 16 * MIB + 1, 16 * MIB, 16 * MIB, 2],
    ['a chunk of a 70B model', 80 * MIB, 16 * MIB, 16 * MIB, 5],
    ['the most of 10,000 parts', 160_000 * MIB, 16 * MIB, 16 * MIB, 10_000],
    ['one byte more than that', 160_000 * MIB + 1, 16 * MIB, 17 * MIB, 9412],
    ['the largest object', 5 * TIB, 16 * MIB, 525 * MIB, 9987],
    ['the largest object in the largest parts', 5 * TIB, 5 * GIB, 5 * GIB, 1024],
  ])('%s', (_what, byteLength, profileBytes, partBytes, count) => {
    expect(partPlan(byteLength, { partBytes: profileBytes })).toEqual({ byteLength, partBytes, count });
  });

  it('never makes more than 10,000 parts, nor one of more than 5 GiB', () => {
    for (const byteLength of [5 * TIB, 5 * TIB - 1, 4 * TIB + 1, TIB, 100 * GIB]) {
      const plan = partPlan(byteLength, { partBytes: 5 * MIB });
      expect(plan.count).toBeLessThanOrEqual(10_000);
      expect(plan.partBytes).toBeLessThanOrEqual(5 * GIB);
    }
  });
});

it('a read may have more ranges than an upload has parts', () => {
  expect(rangePlan(5 * TIB, 16 * MIB).count).toBe(327_680);
});

it('parts lie side by side, and the last ends with the value', () => {
  const plan = rangePlan(2500, 1000);
  expect([0, 1, 2].map((index) => partAt(plan, index))).toEqual([
    { start: 0, end: 1000 },
    { start: 1000, end: 2000 },
    { start: 2000, end: 2500 },
  ]);
});

describe('maxValueBytes', () => {
  const multipart = { thresholdBytes: 64 * MIB, partBytes: 16 * MIB, fullObjectChecksum: true };

  it('is that of one PUT where there are no uploads in parts, else that of an object', () => {
    expect(maxValueBytes({ maxPutBytes: 5 * GIB, multipart: 'none' })).toBe(5 * GIB);
    expect(maxValueBytes({ maxPutBytes: 5 * GIB, multipart })).toBe(5 * TIB);
  });
});

describe('effectiveMultipart', () => {
  const multipart = { thresholdBytes: 64 * MIB, partBytes: 16 * MIB, fullObjectChecksum: true };
  const profile = { id: 'test', maxPutBytes: 5 * GIB, multipart };

  it.each([
    ['the profile', undefined, 64 * MIB, 16 * MIB],
    ['another part', { partBytes: 8 * MIB }, 64 * MIB, 8 * MIB],
    ['another threshold', { thresholdBytes: 20 * MIB }, 20 * MIB, 16 * MIB],
    ['a threshold below one part', { thresholdBytes: 5 * MIB }, 16 * MIB, 16 * MIB],
    ['a part above the threshold', { partBytes: 100 * MIB }, 100 * MIB, 100 * MIB],
  ])('%s', (_what, options, thresholdBytes, partBytes) => {
    expect(effectiveMultipart(profile, options)).toEqual({ thresholdBytes, partBytes, fullObjectChecksum: true });
  });

  it('sends nothing as one that the store does not take as one', () => {
    expect(effectiveMultipart({ ...profile, maxPutBytes: 32 * MIB }, undefined)).toMatchObject({
      thresholdBytes: 32 * MIB,
    });
  });

  it('refuses lengths of parts where there are no parts', () => {
    const single = { ...profile, id: 'plain', multipart: 'none' } as const;
    expect(effectiveMultipart(single, undefined)).toBe('none');
    expect(() => effectiveMultipart(single, {})).toThrow(/`multipart`.*plain/);
  });
});
