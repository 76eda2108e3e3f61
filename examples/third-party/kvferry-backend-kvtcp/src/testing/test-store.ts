import { crc32 } from 'node:zlib';
import type { Target } from '@kvferry/conformance';
import type { RemoteBackend } from '@kvferry/core';
import { type KvtcpOptions, kvtcpBackend } from '../index.ts';
import { type StoredValue, startKvtcpServer } from '../server.ts';

/** A server for one run of the tests, and all that a suite wants of it. */
export interface TestStore {
  readonly upstream: string;
  /** A backend with small time limits: the cases wait for them. */
  backend(connectTo: KvtcpOptions['connectTo']): RemoteBackend;
  /** Backends that are refused, and the ways to the store past a backend. */
  around(connectTo: KvtcpOptions['connectTo']): Required<Pick<Target, 'provoke' | 'rawRead' | 'rawWrite' | 'close'>>;
}

/** Besides the namespace `cache` the server has one for each answer that it may give to everybody. */
export async function startTestStore(): Promise<TestStore> {
  const refusing = { closed: 'denied', busy: 'slowDown', down: 'unavailable', late: 'errorAfterSuccess' } as const;
  const server = await startKvtcpServer({ namespaces: ['cache'], refusing });
  const { host, port } = server;
  const values = server.namespaces.get('cache') as Map<string, StoredValue>;
  return {
    upstream: `tcp://${host}:${port}`,
    backend: (connectTo) => kvtcpBackend({ host, port, connectTo, timeoutMs: 300 }),
    around: (connectTo) => {
      const of = (namespace: string) => () => kvtcpBackend({ host, port, connectTo, namespace, timeoutMs: 300 });
      return {
        provoke: {
          denied: of('closed'),
          throttled: of('busy'),
          unavailable: of('down'),
          missingNamespace: of('nowhere'),
          errorAfterSuccess: of('late'),
        },
        rawRead: async (key) => values.get(key)?.bytes,
        rawWrite: async (key, bytes) => {
          values.set(key, { bytes: Buffer.from(bytes), crc32: crc32('what was there before') });
        },
        close: () => server.close(),
      };
    },
  };
}
