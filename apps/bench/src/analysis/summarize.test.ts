import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { exampleRecords, failedRecords } from '../results/example-run.ts';
import type { RunRecord } from '../results/records.ts';
import { summarize } from './summarize.ts';

const options = { hardware: 'l40s' };
const records = exampleRecords();
const whole = summarize(records, options);

describe('a whole run', () => {
  it('opens with the figures of the best step', () => {
    const best = whole.phases.find(({ id }) => id === 'sweep-16');
    expect(whole).toMatchObject({
      backend: 's3',
      target: 'embedded',
      model: 'llama-3.1-8b',
      chunkBytes: 33_554_432,
      concurrency: 16,
      bytesPerSecond: best?.bytesPerSecond?.median,
      chunkMilliseconds: { p50: best?.requestMs?.p50, p99: best?.requestMs?.p99 },
      cpuSecondsPerGiB: best?.cpuSecondsPerGiB,
      limitedBy: 'store',
      breakEvenTokens: 256,
      status: 'complete',
      problems: [],
      conformance: { level: 'full', passed: 141, failed: 1, skipped: 3 },
    });
    // What the example's store gives at most, less what a first byte takes.
    expect(whole.bytesPerSecond / 4.5e9).toBeGreaterThan(0.9);
    expect(whole.bytesPerSecond).toBeLessThan(4.5e9);
  });

  it('counts every request, answered or not', () => {
    const rows = records.filter(({ kind }) => kind === 'request');
    expect(whole.requests).toBe(rows.length);
    expect(whole.operations.reduce((sum, { requests }) => sum + requests, 0)).toBe(rows.length);
    expect(whole.operations.reduce((sum, { bytes }) => sum + bytes, 0)).toBe(whole.bytes);
    expect(whole).toMatchObject({ errors: { CONNECTION: 1 }, retries: 1 });
    expect(whole.operations.map(({ operation }) => operation)).toEqual(['get', 'put', 'stat']);
  });

  it('takes what the client called off for no failure of the store', () => {
    const { errors, operations } = summarize(
      records.map(
        (record): RunRecord => (record.kind === 'request' && record.error ? { ...record, error: 'ABORTED' } : record),
      ),
      options,
    );
    expect(errors).toEqual({});
    expect(operations.map(({ failed }) => failed)).toEqual([0, 0, 0]);
  });

  it('has every phase, and the share that was found', () => {
    expect(whole.phases.map(({ id, hitShare }) => [id, hitShare])).toEqual([
      ['store', null],
      ['hit-0-cold', 0],
      ['hit-50-cold', 0.5],
      ['hit-95-cold', 0.9375],
      ['hit-95-warm', 0.9375],
      ...[1, 2, 4, 8, 16, 32].map((concurrency) => [`sweep-${concurrency}`, null]),
      ['open-loop', 0.9375],
      ['peers', null],
    ]);
  });

  it('plans with what the lookup of prompts took that a cold cache found, and a first byte of the best step', () => {
    // Those that find nothing are the most here.
    const slow = records.map((record): RunRecord => {
      if (record.kind !== 'prompt' || record.lookedUpMs === null) return record;
      return {
        ...record,
        lookedUpMs: record.startMs + (record.phase.endsWith('cold') && record.hitTokens > 0 ? 70 : 9),
      };
    });
    const { bytesPerSecond, phases, plan } = summarize(slow, options);
    const firstByteMs = phases.find(({ id }) => id === 'sweep-16')?.firstByteMs?.p50 ?? 0;
    const [{ loadSeconds = 0 } = {}] = plan.curve;
    expect(loadSeconds * 1000).toBeCloseTo(70 + firstByteMs + (33_554_432 / bytesPerSecond) * 1000);
  });

  it('is what its lines say, whatever goes through JSON', () => {
    expect(JSON.parse(JSON.stringify(whole))).toEqual(whole);
  });
});

describe('a run whose store failed', () => {
  it('says so in words, and keeps what was measured before', () => {
    const summary = summarize(failedRecords(), options);
    expect(summary.problems).toEqual([
      'The store failed while chunks were read 16 at a time: CONNECTION: connect ECONNREFUSED 127.0.0.1:9000. What was measured before stands.',
      'Not all of what the run had stored could be removed: bucket kvferry-bench-0a1b2c3d4e5f, under kvferry-bench-0a1b2c3d4e5f/.',
    ]);
    expect(summary).toMatchObject({ status: 'failed', concurrency: 8, conformance: null, peers: [] });
    expect(summary.bytesPerSecond).toBeGreaterThan(0);
  });

  it('has no figures, and says why, where it failed before chunks were read', () => {
    const before = records.filter((record) => !('id' in record && record.id.startsWith('sweep')));
    expect(summarize(before, options)).toMatchObject({
      bytesPerSecond: 0,
      chunkMilliseconds: null,
      cpuSecondsPerGiB: null,
      limitedBy: null,
      limitReason: null,
      breakEvenTokens: null,
      concurrency: null,
      plan: { curve: [], reason: 'There is no plan: nothing could be read from the store.' },
      problems: ['There is no figure for sustained reading: no chunks were read at a steady concurrency.'],
    });
  });

  it('takes no step that failed for the best', () => {
    const failing = records.map((record): RunRecord => {
      const isWide = record.kind === 'phase' && record.workload.type === 'sweep' && record.workload.concurrency > 8;
      return isWide ? { ...record, endedBy: 'failed' } : record;
    });
    expect(summarize(failing, options).concurrency).toBe(8);
  });

  it('takes no step for the best in which nothing came in most of its seconds', () => {
    const [first] = records;
    const row = records.findLast((record) => record.kind === 'request' && record.phase === 'sweep-32');
    const phase = records.find((record) => record.kind === 'phase' && record.id === 'sweep-32');
    const summary = summarize(
      [first, row, phase].flatMap((record) => record ?? []),
      options,
    );
    expect(summary).toMatchObject({ concurrency: null, bytesPerSecond: 0, plan: { curve: [] } });
  });

  it('counts prompts that failed', () => {
    const failing = records.map(
      (record): RunRecord =>
        record.kind === 'prompt' && record.phase === 'hit-50-cold' ? { ...record, error: 'TIMEOUT' } : record,
    );
    expect(summarize(failing, options).problems).toEqual([
      '12 of 12 prompts failed while prompts that are stored to 50 % were loaded by a cold cache (TIMEOUT: 12).',
    ]);
  });
});

it('says that a store did not keep up', () => {
  let prompts = 0;
  const late = records.map((record): RunRecord => {
    if (record.kind !== 'prompt' || record.phase !== 'open-loop') return record;
    prompts += 1;
    return prompts > 15 ? { ...record, error: 'ABORTED' } : record;
  });
  expect(summarize(late, options).problems).toEqual([
    '5 of 20 prompts were still waiting at the end while prompts arrived at 2.5 per second: the store did not keep up.',
  ]);
});

it.each([
  ['sweep-16', 'chunks were read 16 at a time'],
  ['store', 'prompts were stored'],
])('says which requests of %s were late for its end', (id, words) => {
  let left = 3;
  const cut = records.map((record): RunRecord => {
    const isCarrier = record.kind === 'request' && ['get', 'put'].includes(record.operation);
    if (!isCarrier || record.phase !== id || left === 0) return record;
    left -= 1;
    return { ...record, status: 'failed', error: 'ABORTED', bytes: 0 };
  });
  const all = records.filter((record) => record.kind === 'request' && record.phase === id && record.bytes > 0).length;
  const { errors, problems } = summarize(cut, options);
  expect(problems).toEqual([
    `3 of ${all} requests were still under way at the end while ${words}: the store did not keep up.`,
  ]);
  expect(errors).toEqual(whole.errors);
});

describe('a run that was cut off', () => {
  // Every sixtieth row will do for this.
  const thinned = records.filter(({ kind }, index) => kind !== 'request' || index % 60 === 0);

  it('says what is known after any line', () => {
    for (let length = 0; length < thinned.length; length += 1) {
      const summary = summarize(thinned.slice(0, length), options);
      expect(summary.status).toBe('cut off');
      expect(summary.problems).not.toEqual([]);
      expect(oddNumbers(summary)).toEqual([]);
    }
  });

  it('says where', () => {
    const cut = records.findIndex((record) => record.kind === 'request' && record.phase === 'sweep-4') + 3;
    expect(summarize(records.slice(0, cut), options).problems).toEqual([
      expect.stringMatching(
        /^The run was cut off after \d+\.\d s, in the phase sweep-4\. What it had stored .* bucket kv/,
      ),
    ]);
    expect(summarize([], options)).toMatchObject({ model: 'unknown', startedAt: '', requests: 0 });
  });

  it('takes any lines in any order', () => {
    fc.assert(
      fc.property(fc.shuffledSubarray(thinned), (some) => {
        expect(oddNumbers(summarize(some, options))).toEqual([]);
      }),
      { numRuns: 50 },
    );
  });

  it('takes times that a broken clock may have written', () => {
    const ms = fc.oneof(fc.integer({ min: -10, max: 20_000 }), fc.constant(0));
    const [start = 0, end = 0] = [thinned.length - 60, thinned.length];
    fc.assert(
      fc.property(fc.array(fc.tuple(ms, ms), { minLength: 60, maxLength: 60 }), (times) => {
        const odd = thinned.slice(start, end).map((record, index): RunRecord => {
          const [startMs, endMs] = times[index] as [number, number];
          return 'startMs' in record ? { ...record, startMs, endMs } : record;
        });
        expect(oddNumbers(summarize([...thinned.slice(0, 1), ...odd], options))).toEqual([]);
      }),
      { numRuns: 50 },
    );
  });
});

it('does not throw for a plan that cannot be made, and says why', () => {
  expect(summarize(records, { hardware: 'abacus' })).toMatchObject({
    breakEvenTokens: null,
    plan: { prefillTokensPerSecond: 0, reason: expect.stringContaining('no hardware is called abacus') },
  });
});

it('notes where chunks travel in parts, and where a step was never as wide as it was meant to be', () => {
  const halved = records.map(
    (record): RunRecord => (record.kind === 'request' ? { ...record, bytes: record.bytes / 2 } : record),
  );
  expect(summarize(halved, options).notes).toContain(
    'Chunks of this size travel in parts: the times per chunk are those of one part.',
  );
  const lone = records.filter((record, index) =>
    record.kind === 'request' && record.phase === 'sweep-32' ? index % 40 === 0 : true,
  );
  const narrow = summarize(lone, options);
  expect(narrow.notes).toContain(
    'sweep-32 never had as many requests in flight as it was meant to: its figures are of all that was measured.',
  );
});

it('takes no step for the best that was never as wide as it was meant to be, however fast', () => {
  const burst = records.flatMap((record, index): RunRecord[] => {
    if (record.kind !== 'request' || record.phase !== 'sweep-32') return [record];
    return index % 40 === 0 ? [{ ...record, bytes: record.bytes * 1000 }] : [];
  });
  const { concurrency, phases } = summarize(burst, options);
  expect(phases.find(({ id }) => id === 'sweep-32')?.bytesPerSecond?.median).toBeGreaterThan(1e10);
  expect(concurrency).toBe(16);
});

it('names what was left out as too little was stored for it, and the way out', () => {
  const slow = records.flatMap((record): RunRecord[] => {
    if ('phase' in record && record.phase.startsWith('hit-95')) return [];
    if (record.kind !== 'phase' || !record.id.startsWith('hit-95')) return [record];
    return [{ ...record, warmUntilMs: record.endMs, endedBy: 'left-out', process: null }];
  });
  const summary = summarize(slow, options);
  expect(summary.problems).toEqual([
    'The store took so long that of no prompt enough was stored. Left out: hit-95-cold, hit-95-warm. A longer --max-time or a smaller --model has room for it.',
  ]);
  expect(summary).toMatchObject({ status: 'complete', bytesPerSecond: whole.bytesPerSecond });
});

it('says that nothing was measured where the bytes were up with the warm-up', () => {
  const warmUp = records.map((record): RunRecord => {
    if (record.kind !== 'phase' || record.id !== 'hit-95-cold') return record;
    return { ...record, warmUntilMs: record.endMs, endedBy: 'bytes' };
  });
  expect(summarize(warmUp, options).problems).toEqual([
    'Nothing was measured while prompts that are stored to 95 % were loaded by a cold cache: the bytes were up before. A larger --max-bytes has room for it.',
  ]);
});

/** Paths of numbers that are none. */
function oddNumbers(value: unknown, path = ''): string[] {
  if (typeof value === 'number') return Number.isFinite(value) ? [] : [path];
  if (value === null || typeof value !== 'object') return value === undefined ? [path] : [];
  return Object.entries(value).flatMap(([name, inner]) => oddNumbers(inner, `${path}.${name}`));
}
