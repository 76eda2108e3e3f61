import { randomBytes } from 'node:crypto';
import type { Check } from './check.ts';
import { answered } from './trial.ts';

const OTHER_ETAG = '"00000000000000000000000000000000"';

/** Whether a part of a value can be read, and only of the value that is meant. */
export const rangeCheck: Check = {
  subjects: ['range.exact', 'range.if-match'],
  async run(bench) {
    const value = randomBytes(4096);
    await bench.lay('range', value);
    const range = ['range', 'bytes=1000-1999'] as const;
    const answer = await bench.get('range', range);
    const isExact = answer.status === 206 && Buffer.compare(answer.body, value.subarray(1000, 2000)) === 0;
    const told = answer.headers.get('content-range');
    if (isExact && told === 'bytes 1000-1999/4096')
      bench.note('range.exact', 'yes', '206 with exactly the bytes asked for');
    else
      bench.note(
        'range.exact',
        'no',
        `asked for 1,000 bytes of 4,096: ${answered(answer)}, ${answer.body.byteLength} bytes, Content-Range ${told ?? 'missing'}`,
      );

    const etag = answer.headers.get('etag');
    if (etag === undefined) {
      bench.note('range.if-match', 'no', 'an answer has no ETag');
      return;
    }
    const [same, other] = [
      await bench.get('range', [...range, 'if-match', etag]),
      await bench.get('range', [...range, 'if-match', OTHER_ETAG]),
    ];
    const seen = `with the value's own ETag ${answered(same)}, with another ${answered(other)}`;
    bench.note('range.if-match', same.status === 206 && other.status === 412 ? 'yes' : 'no', seen);
  },
};
