import { describeRemoteBackend } from '@kvferry/conformance/vitest';
import { STORES, s3Suite } from '@kvferry/s3-protocol/testing';
import { s3Compatible } from './s3-compatible.ts';

// Level core is what every run of the tests can afford; the matrix has the rest, on every store there is.
const store = await STORES.simulator?.('http');
if (store?.status !== 'running') throw new Error('the simulator is always there');
describeRemoteBackend('s3-compatible (generic) on the simulator over http', {
  ...s3Suite(store, s3Compatible),
  level: 'core',
});
