// release-list.mjs LIST PACKED: whether what `npm run release -- --dry-run --json` lists (LIST) are tarballs of the folder PACKED, each with its files.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const [list, packed] = process.argv.slice(2);
const { changesets, packages } = JSON.parse(readFileSync(list, 'utf8'));
const withoutVersion = (tarball) => tarball.replace(/-\d+\.\d+\.\d+\.tgz$/, '');
const tarballs = new Map(readdirSync(packed).map((name) => [withoutVersion(name), join(packed, name)]));
// Later releases list what has changed alone; where changesets wait, that is something.
if (changesets.length > 0) assert.ok(packages.length > 0);
for (const { distTag, files, gitTag, name, tarball, version } of packages) {
  const packedTarball = tarballs.get(withoutVersion(tarball));
  assert.ok(packedTarball, `${name} was not packed`);
  const lines = execFileSync('tar', ['-tzf', packedTarball], { encoding: 'utf8' }).split('\n');
  const expected = lines.filter((line) => line !== '').map((line) => line.replace(/^package\//, ''));
  assert.deepEqual(files, expected.sort(), name);
  assert.equal(gitTag, `${name}@${version}`);
  assert.equal(distTag, 'latest');
}
console.log(`${packages.length} packages would be published, with the files that were packed`);
