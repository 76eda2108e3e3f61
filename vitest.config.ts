import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

// Matrices (every layer, every mutant) are what the code was shown to hold against: minutes, for CI. KVFERRY_MATRIX=1 runs them alone.
const matrix = process.env.KVFERRY_MATRIX === '1';

/**
 * Tests that look at the memory, sockets and threads of their own process, or at what is said once per process: each file has one to itself. The others share,
 * which saves a third of the time.
 */
const apart = ['wire', 's3-protocol', 's3', 's3-express', 's3-simulator'];
const alone = [
  'apps/bench/src/troubleshooting',
  'packages/core/src/buffer-pool',
  'packages/core/src/cache/waiting',
].map((name) => `${name}.test.ts`);
const kind = matrix ? '*.matrix.test.ts' : '*.test.ts';
const everywhere = ['packages', 'apps'].map((rooms) => `${rooms}/*/src/**/${kind}`).concat(`tooling/src/**/${kind}`);
const inRooms = [...apart.map((room) => `packages/${room}/src/**/${kind}`), ...(matrix ? [] : alone)];
const never = ['**/node_modules/**', ...(matrix ? [] : ['**/*.matrix.test.ts'])];

export default defineConfig({
  test: {
    pool: 'forks',
    // Vitest leaves one core free, which on two cores is half; and many of these tests wait for a time limit, not for a core, so one more than
    // there are cores. A matrix says exactly which cases see a fault, so it is not to be disturbed.
    maxWorkers: matrix ? 1 : availableParallelism() + 1,
    testTimeout: 30_000,
    projects: [
      { extends: true, test: { name: 'a process per file', include: inRooms, exclude: never, isolate: true } },
      {
        extends: true,
        test: { name: 'shared', include: everywhere, exclude: [...never, ...inRooms], isolate: matrix },
      },
    ],
  },
});
