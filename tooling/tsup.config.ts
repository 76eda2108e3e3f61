import { defineConfig } from 'tsup';

// JavaScript only: tsup takes declarations from TypeScript's compiler API, which TypeScript 7 no longer has. `tsc -b`
// writes them next to it.
export default defineConfig({
  format: 'esm',
  target: 'node22',
  platform: 'node',
  sourcemap: true,
  clean: true,
  splitting: true,
  silent: true,
  // `node:test` is not `test`: some of Node's modules have no name without the prefix.
  removeNodeProtocol: false,
});
