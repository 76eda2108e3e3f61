import { readFileSync } from 'node:fs';
import { defineConfig } from 'tsup';

const { optionalDependencies = {} } = JSON.parse(readFileSync('package.json', 'utf8'));

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
  // Dependencies and peers stay imports; of optional ones tsup does not know.
  external: Object.keys(optionalDependencies),
  // Ours that nobody publishes go into the package that imports them.
  noExternal: ['@kvferry/tooling', 'kvferry/terminal'],
  esbuildPlugins: [
    {
      name: 'nothing of others is bundled',
      setup(build) {
        build.onLoad({ filter: /[\\/]node_modules[\\/]/ }, ({ path }) => ({
          errors: [{ text: `${path} would become a part of this package: name its package in "dependencies"` }],
        }));
      },
    },
  ],
});
