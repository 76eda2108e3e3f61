import { describeRemoteBackend } from '@kvferry/conformance/vitest';
import { STORES, s3Suite } from '@kvferry/s3-protocol/testing';
import { s3 } from './s3.ts';

const store = await STORES.simulator?.('http');
if (store?.status !== 'running') throw new Error('the simulator is always there');
describeRemoteBackend('s3 on the simulator over http', s3Suite(store, s3));
