import { expect, test } from 'vitest';
import { driveReader } from './testing/drive-reader.ts';
import { Dice, mutate } from './testing/mutate.ts';
import { soundResponses, unsoundResponses } from './testing/responses.ts';

const inputs = Number(process.env.KVFERRY_FUZZ_INPUTS ?? 50_000);
const seed = 0x6b766665;

test(`${inputs} mutated responses read the same however they are cut, and break nothing`, { timeout: 600_000 }, () => {
  // The long ones make no new states, only more bytes.
  const corpus = [...soundResponses, ...unsoundResponses]
    .map(({ bytes }) => bytes)
    .filter(({ length }) => length < 1_000);
  const dice = new Dice(seed);
  const counts = { whole: 0, PROTOCOL: 0, TRUNCATED: 0, RESET: 0, BODY_TOO_LARGE: 0 };
  for (let input = 0; input < inputs; input++) {
    const stream = mutate(dice, dice.pick(corpus), corpus);
    const method = dice.roll(8) === 0 ? 'HEAD' : 'GET';
    const lentBytes = dice.pick(['none', 0, 5, 11, 64] as const);
    const maxErrorBytes = dice.pick([4, 1_024]);
    const cuts: number[] = [];
    for (let cut = 1 + dice.roll(40); cut < stream.length; cut += 1 + dice.roll(40)) cuts.push(cut);
    const whole = driveReader(stream, { method, lentBytes, maxErrorBytes, cuts: [] });
    const cut = driveReader(stream, { method, lentBytes, maxErrorBytes, cuts });
    if (text(whole) !== text(cut)) {
      expect({ input, stream: stream.toString('latin1'), cuts, reading: cut }).toEqual({ reading: whole });
    }
    counts['code' in whole ? (whole.code as keyof typeof counts) : 'whole']++;
  }
  // A fuzzer that meets one outcome only tests that alone.
  for (const [outcome, count] of Object.entries(counts))
    expect([outcome, count > inputs / 500]).toEqual([outcome, true]);
});

function text(reading: ReturnType<typeof driveReader>): string {
  return 'code' in reading
    ? `${reading.code} ${reading.requiredBytes}`
    : `${reading.status} ${reading.bodyBytes} ${reading.reusable} ${reading.body} ${[...reading.headers].flat()}`;
}
