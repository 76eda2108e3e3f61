import { describeRemoteBackend } from '@kvferry/conformance/node-test';
import { suite } from './testing/suite.ts';

describeRemoteBackend('kvferry-backend-sqlite', suite);
