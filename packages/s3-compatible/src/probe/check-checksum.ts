import { randomBytes } from 'node:crypto';
import type { Bench, Check } from './check.ts';
import { answered } from './trial.ts';

/** Whether CRC32C is taken, looked at and given back. */
export const checksumCheck: Check = {
  subjects: ['checksum.taken', 'checksum.verified', 'checksum.returned'],
  async run(bench) {
    const value = randomBytes(4096);
    const answer = await bench.put('checksum', value);
    if (answer.status !== 200) {
      // Nothing that follows may send one.
      bench.learned.checksum = 'none';
      await bench.lay('checksum', value);
      const seen = `a PUT with x-amz-checksum-crc32c is refused (${answered(answer)}), one without is stored`;
      for (const subject of this.subjects) bench.note(subject, 'no', seen);
      return;
    }
    bench.note('checksum.taken', 'yes', 'a PUT with x-amz-checksum-crc32c is stored');
    await tryWrong(bench);
    await tryReturned(bench, value);
    // A header that nobody looks at protects nothing: then the signature has to cover the payload.
    const isOfUse = bench.holds('checksum.verified') || bench.holds('checksum.returned');
    bench.learned.checksum = isOfUse ? 'crc32c' : 'none';
  },
};

async function tryWrong(bench: Bench): Promise<void> {
  const answer = await bench.trial.send(bench.way, {
    operation: 'put',
    method: 'PUT',
    key: bench.trial.key('wrong'),
    headers: ['content-type', 'application/octet-stream', 'x-amz-checksum-crc32c', bench.way.crc32c(randomBytes(64))],
    body: randomBytes(4096),
  });
  const isAbsent = await bench.isAbsent('wrong');
  if (answer.status === 200) {
    bench.note('checksum.verified', 'no', 'a PUT with the CRC32C of other bytes is stored');
  } else if (answer.status >= 500) {
    bench.note('checksum.verified', 'unknown', `a PUT with the CRC32C of other bytes is answered ${answered(answer)}`);
  } else if (isAbsent) {
    bench.note('checksum.verified', 'yes', `a wrong CRC32C is refused (${answered(answer)}), and nothing is stored`);
  } else {
    bench.note(
      'checksum.verified',
      'no',
      `a wrong CRC32C is refused (${answered(answer)}), and the value stored all the same`,
    );
  }
}

async function tryReturned(bench: Bench, value: Uint8Array): Promise<void> {
  const answer = await bench.get('checksum', ['x-amz-checksum-mode', 'ENABLED']);
  if (answer.status !== 200) throw bench.error('get', answer);
  const returned = answer.headers.get('x-amz-checksum-crc32c');
  const expected = bench.way.crc32c(value);
  if (returned === undefined) bench.note('checksum.returned', 'no', 'GET with checksum mode gives no CRC32C back');
  else if (returned === expected)
    bench.note('checksum.returned', 'yes', 'GET with checksum mode gives the CRC32C back');
  else bench.note('checksum.returned', 'no', `GET gives the CRC32C ${returned} for bytes of ${expected}`);
}
