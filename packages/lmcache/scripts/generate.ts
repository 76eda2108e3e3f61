/**
 * Writes what is generated from the table of keys: `lmcache.schema.json` of this package and `docs/configuration.md`. With `--check` it
 * writes nothing, and fails where a committed file differs.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { configurationDocument, schemaDocument } from './documents.ts';

const root = new URL('../../../', import.meta.url);
const examples = [
  ['Amazon S3', 's3-basic.yaml'],
  ['S3 Express One Zone', 's3-express.yaml'],
  ['CoreWeave', 'coreweave.yaml'],
].map(([title = '', file = '']) => ({
  title,
  file,
  text: readFileSync(new URL(`examples/configs/${file}`, root), 'utf8'),
}));

const documents = [
  ['packages/lmcache/lmcache.schema.json', schemaDocument()],
  ['docs/configuration.md', configurationDocument(examples)],
] as const;

const check = process.argv.includes('--check');
const stale = documents.filter(([path, text]) => check && committed(path) !== text).map(([path]) => path);
if (!check) for (const [path, text] of documents) writeFileSync(new URL(path, root), text);
if (stale.length > 0) {
  console.error(`not current: ${stale.join(', ')}. Run in packages/lmcache: node scripts/generate.ts`);
  process.exitCode = 1;
}

function committed(path: string): string | undefined {
  try {
    return readFileSync(new URL(path, root), 'utf8');
  } catch {
    return undefined;
  }
}
