import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['packages/*/src/**/*.test.ts', 'apps/*/src/**/*.test.ts', 'tooling/src/**/*.test.ts'],
    // One process per file: tests measure memory, sockets and CPU of their own process.
    pool: 'forks',
    testTimeout: 30_000,
  },
});
