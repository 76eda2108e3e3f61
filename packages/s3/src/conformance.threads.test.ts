import { describeRemoteBackend } from '@kvferry/conformance/vitest';
import { STORES, s3Suite } from '@kvferry/s3-protocol/testing';
import { s3 } from './s3.ts';

const store = await STORES.simulator?.('http');
if (store?.status !== 'running') throw new Error('the simulator is always there');
// Faults of the network are in the matrix: they take their time, and strike in the same code.
describeRemoteBackend('s3 with I/O threads on the simulator over http', {
  ...s3Suite(store, (connection) => s3({ ...connection, ioThreads: 2 })),
  level: 'core',
});
