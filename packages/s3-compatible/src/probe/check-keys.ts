import { randomBytes } from 'node:crypto';
import { MAX_KEY_BYTES, MAX_KEY_SEGMENT_BYTES } from '@kvferry/core';
import type { Bench, Check } from './check.ts';
import { answered } from './trial.ts';

/** How long a key may be. Some stores keep objects in files, whose names are shorter than S3's keys. */
export const keysCheck: Check = {
  subjects: ['keys.longest'],
  async run(bench) {
    const { prefix } = bench.trial;
    const whole = await tryKey(bench, filled(MAX_KEY_BYTES - prefix.length));
    if (whole === undefined) {
      bench.note(
        'keys.longest',
        'yes',
        `keys of ${MAX_KEY_BYTES} bytes, in segments of up to ${MAX_KEY_SEGMENT_BYTES}, are stored, and stored again`,
      );
      return;
    }
    // A key within the longest segment has no longer one in it.
    const segment = await longest(bench, 1, MAX_KEY_SEGMENT_BYTES, (length) => 's'.repeat(length));
    const isSegment = segment.length < MAX_KEY_SEGMENT_BYTES;
    const bytes = isSegment
      ? segment.length
      : (await longest(bench, MAX_KEY_SEGMENT_BYTES, MAX_KEY_BYTES - prefix.length, filled)).length + prefix.length;
    bench.note(
      'keys.longest',
      'no',
      `a ${isSegment ? 'name' : 'key'} of more than ${bytes} bytes: ${segment.problem ?? whole}`,
    );
    bench.learned.maxKeyBytes = bytes;
  },
};

/** Longest length from `low` on that works, by halves, and what the next one meets. */
async function longest(
  bench: Bench,
  low: number,
  high: number,
  nameOf: (length: number) => string,
): Promise<{ readonly length: number; readonly problem: string | undefined }> {
  let problem = await tryKey(bench, nameOf(high));
  if (problem === undefined) return { length: high, problem: undefined };
  let [works, fails] = [low, high];
  while (fails - works > 1) {
    const middle = Math.floor((works + fails) / 2);
    const met = await tryKey(bench, nameOf(middle));
    if (met === undefined) works = middle;
    else [fails, problem] = [middle, met];
  }
  return { length: works, problem };
}

/** Stores a key twice and reads it. What it met, or `undefined`. */
async function tryKey(bench: Bench, name: string): Promise<string | undefined> {
  const value = randomBytes(16);
  for (const time of ['first', 'second']) {
    const answer = await bench.put(name, value);
    if (answer.status !== 200) return `stored for the ${time} time, ${answered(answer)}`;
  }
  return (await bench.holdsBytes(name, value)) ? undefined : 'stored, and not read';
}

/** A name of this length, its last segment as long as it may be. No other name of this check is a folder of it. */
function filled(length: number): string {
  const last = Math.min(MAX_KEY_SEGMENT_BYTES, length - 2);
  return `${'d'.repeat(length - last - 1)}/${'d'.repeat(last)}`;
}
