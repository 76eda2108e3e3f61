import fc from 'fast-check';
import { expect, test } from 'vitest';
import { boundsOf } from './bounds.ts';
import { DEFAULT_LIMITS, planRun, type RunChoice, suiteBytesOf } from './run-plan.ts';

const MIB = 1024 ** 2;
const GIB = 1024 ** 3;

const usual: RunChoice = {
  limits: { seconds: 90, bytes: 64 * GIB, objects: 200, memoryBytes: 8 * GIB },
  chunkBytes: 32 * MIB,
  chunkTokens: 256,
  maxRequestsInFlight: 64,
  comparesClients: true,
  conformance: 'core',
};

const ids = ({ hits, sweep }: ReturnType<typeof planRun>): string[] => [...hits, ...sweep].map(({ id }) => id);

test('prompts of 20 chunks are hit at 0, 50 and 95 %, and chunks read by 1 to 32 at a time', () => {
  const plan = planRun(usual);
  expect(plan).toMatchObject({ chunks: 40, promptChunks: 20, store: { id: 'store', workload: { prompts: 2 } } });
  const hits = ['hit-0-cold', 'hit-50-cold', 'hit-95-cold', 'hit-50-warm', 'hit-95-warm'];
  expect(ids(plan)).toEqual([...hits, ...[1, 2, 4, 8, 16, 32].map((concurrency) => `sweep-${concurrency}`)]);
});

test('never more requests at once than the client sends, nor than memory holds', () => {
  expect(ids(planRun({ ...usual, maxRequestsInFlight: 4 })).at(-1)).toBe('sweep-4');
  const limits = { ...usual.limits, memoryBytes: 1 * GIB };
  expect(ids(planRun({ ...usual, limits })).at(-1)).toBe('sweep-8');
});

test('all parts together stay within the limits, whatever these are', () => {
  fc.assert(
    fc.property(
      fc.record({
        seconds: fc.integer({ min: 5, max: 3600 }),
        bytes: fc.integer({ min: GIB, max: 1024 * GIB }),
        objects: fc.integer({ min: 2, max: 10_000 }),
        memoryBytes: fc.integer({ min: GIB, max: 512 * GIB }),
      }),
      fc.constantFrom(MIB, 3 * MIB, 32 * MIB, 80 * MIB),
      fc.boolean(),
      (limits, chunkBytes, comparesClients) => {
        const plan = planRun({ ...usual, limits, chunkBytes, comparesClients });
        const orders = [plan.store, ...plan.hits, ...plan.sweep, plan.openLoop];
        const ms = orders.reduce((sum, { maxMs, warmUpMs }) => sum + maxMs + warmUpMs, plan.conformanceMs ?? 0);
        expect(ms + (plan.peers?.maxMs ?? 0)).toBeLessThanOrEqual(limits.seconds * 1000);
        const bytes = orders.reduce((sum, { maxBytes }) => sum + maxBytes, plan.peers?.maxBytes ?? 0);
        expect(bytes).toBeLessThanOrEqual(limits.bytes);
        expect(plan.chunks).toBeLessThanOrEqual(limits.objects);
        expect(plan.chunks * chunkBytes).toBeLessThanOrEqual(plan.store.maxBytes);
        expect(plan.chunks % plan.promptChunks).toBe(0);
        expect(plan.promptChunks).toBeGreaterThanOrEqual(2);
        expect(plan.promptChunks * chunkBytes).toBeLessThanOrEqual(limits.memoryBytes / 4);
      },
    ),
  );
});

test('the bytes of a store that is not its own have room for every kind of prompt and each step that is planned', () => {
  const plan = planRun({ ...usual, limits: { ...usual.limits, bytes: DEFAULT_LIMITS.bytes } });
  const chunksOf = ({ maxBytes }: { readonly maxBytes: number }): number => Math.floor(maxBytes / (32 * MIB));
  // Of 20 chunks 10 and 19 are stored; a cold cache loads two prompts at least, one of them to warm up.
  const [none, half, most, warmHalf, warmMost] = plan.hits.map(chunksOf);
  expect(none).toBeLessThan(2);
  expect(half).toBeGreaterThanOrEqual(20);
  expect(most).toBeGreaterThanOrEqual(38);
  expect(warmHalf).toBeGreaterThanOrEqual(10);
  expect(warmMost).toBeGreaterThanOrEqual(19);
  expect(ids(plan).at(-1)).toBe('sweep-16');
  for (const order of plan.sweep) {
    const { workload } = order;
    const slots = workload.type === 'sweep' ? workload.concurrency : Number.NaN;
    expect(chunksOf(order)).toBeGreaterThanOrEqual(Math.max(8, 4 * slots));
  }
});

test.each([
  [
    'bytes',
    { bytes: 100 * MIB },
    `: --max-bytes ${100 * MIB} does not allow to store 2 chunks of ${32 * MIB} bytes: raise it, to ${Math.ceil((2 * 32 * MIB) / 0.18) + suiteBytesOf('core')} bytes at least`,
  ],
  [
    'objects',
    { objects: 1 },
    `: --max-objects 1 does not allow to store 2 chunks of ${32 * MIB} bytes: raise it, to 2 at least`,
  ],
  [
    'objects and bytes',
    { objects: 1, bytes: 100 * MIB },
    `: --max-objects 1 and --max-bytes ${100 * MIB} do not allow to store 2 chunks of ${32 * MIB} bytes: raise them, to 2 and ${Math.ceil((2 * 32 * MIB) / 0.18) + suiteBytesOf('core')} bytes at least`,
  ],
  ['memory', { memoryBytes: 128 * MIB }, 'take a smaller --model'],
])('too few %s to measure anything name the way out', (_, fewer, words) => {
  expect(() => planRun({ ...usual, limits: { ...usual.limits, ...fewer } })).toThrow(words);
});

test('what a run costs at most is known for AWS, and for no store of its own', () => {
  const plan = planRun(usual);
  const model = {
    name: 'm',
    source: 's',
    dtype: 'bfloat16',
    bytesPerToken: 131_072,
    chunkTokens: 256,
    chunkBytes: 32 * MIB,
  };
  const run = { backend: 's3', region: undefined, model, plan, limits: usual.limits, conformance: 'off' } as const;
  expect(boundsOf({ ...run, target: 'embedded' }).dollars).toBeNull();
  const bounds = boundsOf({ ...run, target: 'https://s3.us-east-1.amazonaws.com' });
  expect(bounds.dollars).toBeGreaterThan(0);
  expect(bounds.objects).toBe(40);
  // 40 puts, each asked for before; 64 GiB in pieces of 32 MiB less what is stored; six kinds of prompts, 200 each; all of it three times.
  expect(bounds.requests).toBeGreaterThan(3 * (40 + 40));
  expect(bounds.bytes).toBeLessThanOrEqual(usual.limits.bytes);
  // A price list is of some regions.
  const inRegion = (region: string) => boundsOf({ ...run, target: 'https://s3.amazonaws.com', region }).dollars;
  expect([inRegion('us-west-2'), inRegion('eu-central-1')]).toEqual([bounds.dollars, null]);
  const suite = boundsOf({ ...run, target: 'embedded', conformance: 'core' });
  expect(suite.requests).toBeGreaterThan(bounds.requests);
  expect(suite.objects).toBeGreaterThan(1_000);
  expect(suite.bytes).toBeLessThanOrEqual(usual.limits.bytes);
});

test('clients that send several requests for one object are within what is said', () => {
  const one = { name: 'm', source: 's', dtype: 'bfloat16', bytesPerToken: 131_072, chunkTokens: 256 };
  const run = { backend: 's3', target: 'embedded', region: undefined, conformance: 'off' } as const;
  const requests = (comparesClients: boolean): number => {
    const plan = planRun({ ...usual, comparesClients });
    return boundsOf({ ...run, plan, limits: usual.limits, model: { ...one, chunkBytes: 32 * MIB } }).requests;
  };
  const objects = Math.ceil((0.3 * usual.limits.bytes) / (32 * MIB));
  // Each client reads a seventh of them; awscrt reads each in four ranges, opendal asks for its size before, others ask once.
  expect(requests(true) - requests(false)).toBeGreaterThan((objects / 7) * (4 + 2 + 5));
});
