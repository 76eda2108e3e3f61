import type { ConformanceSuite } from '@kvferry/conformance';
import { sqliteBackend } from '../index.ts';
import { makeTestStore } from './test-store.ts';

const { path, raw } = makeTestStore();

export const suite: ConformanceSuite = {
  capabilities: { delete: true, list: true, create: true, limits: { maxValueBytes: 999_999_000, maxKeyBytes: 512 } },
  createTarget: () => ({ create: () => sqliteBackend({ path }), ...raw }),
};
