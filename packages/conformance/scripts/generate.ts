/** Writes `docs/conformance.md` from the cases. With `--check` it writes nothing, and fails where the committed file differs. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { cases } from '../src/cases/index.ts';
import { conformanceDocument } from './documents.ts';

const file = new URL('../../../docs/conformance.md', import.meta.url);
const text = conformanceDocument(cases);

if (!process.argv.includes('--check')) writeFileSync(file, text);
else if (!existsSync(file) || readFileSync(file, 'utf8') !== text) {
  console.error('not current: docs/conformance.md. Run in packages/conformance: node scripts/generate.ts');
  process.exitCode = 1;
}
