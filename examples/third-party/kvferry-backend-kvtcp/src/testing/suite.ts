import type { ConformanceSuite } from '@kvferry/conformance';
import { startTestStore } from './test-store.ts';

const store = await startTestStore();

export const suite: ConformanceSuite = {
  capabilities: { delete: true, list: true, create: true, limits: { maxValueBytes: 2 ** 30, maxKeyBytes: 512 } },
  upstream: store.upstream,
  createTarget: ({ connectTo }) => ({
    create: () => store.backend(connectTo),
    ...store.around(connectTo),
  }),
};
