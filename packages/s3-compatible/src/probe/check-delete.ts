import { randomBytes } from 'node:crypto';
import { crc32 } from 'node:zlib';
import type { Bench, Check } from './check.ts';
import { answered } from './trial.ts';

/** Whether keys go: one by one, and many at once. */
export const deleteCheck: Check = {
  subjects: ['delete.single', 'delete.bulk'],
  async run(bench) {
    await trySingle(bench);
    await tryBulk(bench);
  },
};

async function trySingle(bench: Bench): Promise<void> {
  await bench.lay('delete', randomBytes(16));
  const request = { operation: 'delete', method: 'DELETE', key: bench.trial.key('delete') } as const;
  const first = await bench.trial.send(bench.way, request);
  const isAbsent = await bench.isAbsent('delete');
  const second = await bench.trial.send(bench.way, request);
  const seen = `of a key that is there ${answered(first)}, of one that is not ${answered(second)}`;
  bench.note(
    'delete.single',
    first.status < 300 && isAbsent ? 'yes' : 'no',
    isAbsent ? seen : `${answered(first)}, and the key is still there`,
  );
}

/** As the AWS SDK sends it: with a CRC32, and without Content-MD5. */
async function tryBulk(bench: Bench): Promise<void> {
  const { trial, way } = bench;
  const names = ['bulk-1', 'bulk-2'];
  for (const name of names) await bench.lay(name, randomBytes(16));
  const objects = names.map((name) => `<Object><Key>${trial.key(name)}</Key></Object>`).join('');
  const body = Buffer.from(
    `<?xml version="1.0" encoding="UTF-8"?><Delete xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${objects}<Quiet>true</Quiet></Delete>`,
  );
  const checksum = Buffer.alloc(4);
  checksum.writeUInt32BE(crc32(body));
  const headers = [
    ...['content-type', 'application/xml', 'x-amz-sdk-checksum-algorithm', 'CRC32'],
    ...['x-amz-checksum-crc32', checksum.toString('base64')],
  ];
  const answer = await trial.send(way, {
    operation: 'delete',
    method: 'POST',
    key: '',
    query: 'delete=',
    headers,
    body,
  });
  const left = [];
  for (const name of names) if (!(await bench.isAbsent(name))) left.push(name);
  const isDone = answer.status === 200 && left.length === 0;
  bench.note(
    'delete.bulk',
    isDone ? 'yes' : 'no',
    `two keys in one request: ${answered(answer)}, ${left.length} of them left`,
  );
  bench.learned.bulkDelete = isDone;
}
