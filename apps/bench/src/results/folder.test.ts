import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { exampleRecords } from './example-run.ts';
import { ResultsFolder, readRecords } from './folder.ts';

async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'kvferry-results-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  return folder;
}

test('what is written down is read again', async () => {
  const path = join(await temporaryFolder(), 'a', 'run');
  const records = exampleRecords();
  const folder = await ResultsFolder.create(path);
  for (let from = 0; from < records.length; from += 500) folder.add(records.slice(from, from + 500));
  await folder.close(undefined, undefined);
  expect(await readRecords(path)).toEqual(records);
});

test('a folder that holds a run is not written over', async () => {
  const path = await temporaryFolder();
  await (await ResultsFolder.create(path)).close(undefined, undefined);
  await expect(ResultsFolder.create(path)).rejects.toThrow('it holds a run already; name another folder');
});

test('a run that was cut off in the middle of a line is read up to there', async () => {
  const path = await temporaryFolder();
  const lines = exampleRecords()
    .slice(0, 20)
    .map((record) => JSON.stringify(record));
  await writeFile(join(path, 'rows.ndjson'), `${lines.join('\n')}\n{"kind":"requ`);
  expect(await readRecords(path)).toHaveLength(20);
});

const aPhase = exampleRecords().find(({ kind }) => kind === 'phase');
const rows = (second: object): string => `${JSON.stringify(exampleRecords()[0])}\n${JSON.stringify(second)}\n`;

test.each([
  ['no file', undefined, 'there is no such file'],
  ['another file', 'a,b\n1,2\n3,4\n', 'line 1 is no record of a run'],
  ['rows without a head', '{"kind":"end"}\n', 'it does not begin with the head of a run'],
  ['a run of another version', '{"kind":"run","version":2}\n', 'its version is 2, and this kvferry-bench reads 1'],
  ['a head that lacks all', '{"kind":"run","version":1}\n', 'line 1 is no record of a run: startedAt is missing'],
  ['a record that lacks something', rows({ kind: 'phase', id: 'store' }), 'line 2 is no record of a run: workload is'],
  ['an unknown workload', rows({ ...aPhase, workload: { type: 'none' } }), 'line 2 is no record of a run: workload is'],
  [
    'another kind of value',
    rows({ ...aPhase, endMs: '7' }),
    'line 2 is no record of a run: endMs is missing, or is not',
  ],
  ['a part that is none', rows({ kind: 'end', endMs: 7, status: 'complete', skipped: [1] }), 'line 2 is no'],
])('%s is named, with the way out', async (_, text, words) => {
  const path = await temporaryFolder();
  if (text !== undefined) await writeFile(join(path, 'rows.ndjson'), text);
  const reading = readRecords(path);
  await expect(reading).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  await expect(reading).rejects.toThrow(words);
  await expect(reading).rejects.toThrow(/name a folder that `kvferry-bench run --out` has written/);
});

test('the rows stand one to a line', async () => {
  const path = await temporaryFolder();
  const folder = await ResultsFolder.create(path);
  folder.add(exampleRecords().slice(0, 3));
  await folder.close(undefined, '<html>');
  expect((await readFile(join(path, 'rows.ndjson'), 'utf8')).trimEnd().split('\n')).toHaveLength(3);
  expect(await readFile(join(path, 'report.html'), 'utf8')).toBe('<html>');
});
