import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { readCorpus } from './corpus.ts';

test('the text is what is asked for, and no more of it than has room', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'kvferry-text-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const file = join(folder, 'text.txt');
  await writeFile(file, 'The cat sat on the mat. '.repeat(60));
  const whole = await readCorpus(file, 1000);
  expect(whole).toMatchObject({ description: file, tokenizer: 'Llama 3' });
  expect(whole.tokens).toHaveLength(422);
  expect((await readCorpus(file, 256)).tokens).toEqual(whole.tokens.subarray(0, 256));
});

test('a text that is not there is named', async () => {
  await expect(readCorpus('nowhere.txt', 10)).rejects.toThrow(
    /cannot read the text nowhere\.txt: .*give --text the path/,
  );
});
