import { describeRemoteBackend } from '@kvferry/conformance/vitest';
import { http2Suite } from './testing/http2.ts';

// Without the cases with a network, which are in the matrix: between backend and proxy they are about HTTP/2 as this is.
describeRemoteBackend('s3 on the simulator over HTTP/2', { ...(await http2Suite()), level: 'core' });
