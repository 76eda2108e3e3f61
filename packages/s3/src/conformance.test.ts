import { describeRemoteBackend } from '@kvferry/conformance/vitest';
import { s3Suite } from './testing/conformance.ts';
import { STORES } from './testing/stores.ts';

const store = await STORES.simulator?.('http');
if (store?.status !== 'running') throw new Error('the simulator is always there');
describeRemoteBackend('s3 on the simulator over http', s3Suite(store));
