import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

// Matrices (every layer, every mutant) are what the code was shown to hold against: minutes, for CI. KVFERRY_MATRIX=1 runs them alone.
const matrix = process.env.KVFERRY_MATRIX === '1';

export default defineConfig({
  test: {
    include: matrix
      ? ['packages/*/src/**/*.matrix.test.ts', 'apps/*/src/**/*.matrix.test.ts']
      : ['packages/*/src/**/*.test.ts', 'apps/*/src/**/*.test.ts', 'tooling/src/**/*.test.ts'],
    exclude: matrix ? [] : ['**/node_modules/**', '**/*.matrix.test.ts'],
    // One process per file: tests measure memory, sockets and CPU of their own process.
    pool: 'forks',
    // Vitest leaves one core free, which on two cores is half; and many of these tests wait for a time limit, not for a core, so one more than
    // there are cores. A matrix says exactly which cases see a fault, so it is not to be disturbed.
    maxWorkers: matrix ? 1 : availableParallelism() + 1,
    testTimeout: 30_000,
  },
});
