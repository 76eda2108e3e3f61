import { defineBackend, forwardTo } from '@kvferry/core';
import { driver, facade, type Mutant, memoryCapabilities } from './mutant.ts';

const MIB = 1024 * 1024;
const small = { ...memoryCapabilities, limits: { ...memoryCapabilities.limits, maxValueBytes: MIB } };
const shortKeys = { ...memoryCapabilities, limits: { ...memoryCapabilities.limits, maxKeyBytes: 400 } };

export const mutants: readonly Mutant[] = [
  {
    fault: 'claims another limit than its author says',
    capabilities: {
      ...memoryCapabilities,
      limits: { ...memoryCapabilities.limits, maxValueBytes: memoryCapabilities.limits.maxValueBytes - 1 },
    },
    make: (inner) => inner,
    caught: ['CAP-01'],
  },
  {
    fault: 'claims to have no limit by a number that is none',
    capabilities: {
      ...memoryCapabilities,
      limits: { ...memoryCapabilities.limits, maxValueBytes: Number.POSITIVE_INFINITY },
    },
    make: facade(() => ({
      capabilities: {
        ...memoryCapabilities,
        limits: { ...memoryCapabilities.limits, maxValueBytes: Number.POSITIVE_INFINITY },
      },
    })),
    caught: ['CAP-02'],
  },
  {
    fault: 'has no asyncDispose',
    make: facade(() => ({ [Symbol.asyncDispose]: undefined }) as never),
    caught: ['CAP-03', 'LIFE-18'],
  },
  {
    fault: 'deletes although it says that it cannot',
    capabilities: { ...memoryCapabilities, delete: false },
    make: facade(() => ({ capabilities: { ...memoryCapabilities, delete: false } })),
    caught: ['CAP-04'],
  },
  {
    fault: 'lists nothing where it cannot list, in place of an error',
    capabilities: { ...memoryCapabilities, list: false },
    make: facade(() => ({ capabilities: { ...memoryCapabilities, list: false }, async *list() {} })),
    caught: ['CAP-05', 'LIFE-01', 'LIFE-11', 'LIFE-12', 'ERR-02'],
  },
  {
    fault: 'replaces where it cannot create',
    capabilities: { ...memoryCapabilities, create: false },
    make: facade((inner) => ({
      capabilities: { ...memoryCapabilities, create: false },
      put: (items, options) => inner.put(items, { ...options, mode: 'replace' }),
    })),
    caught: ['CAP-06', 'PUT-17'],
  },
  {
    fault: 'claims delete and does nothing',
    make: driver(() => ({ delete: (batch) => batch.each(1, () => ({ status: 'deleted' })) })),
    caught: ['CAP-07', 'DEL-01', 'DEL-02', 'DEL-03', 'DEL-04', 'DEL-05', 'ABORT-07', 'LIST-08', 'LIST-12', 'CONC-01'],
  },
  {
    fault: 'claims list and gives nothing',
    make: driver(() => ({ async *list() {} })),
    caught: [
      'CAP-08',
      'LIFE-16',
      'PUT-06',
      'ABORT-11',
      'KEYS-11',
      'LIST-01',
      'LIST-02',
      'LIST-04',
      'LIST-05',
      'LIST-07',
      'LIST-08',
      'LIST-10',
      'LIST-11',
      'LIST-12',
      'CONC-05',
    ],
  },
  {
    fault: 'claims create and always overwrites',
    lmcacheFault: 28,
    make: driver((inner) => ({
      put: async (batch) => {
        await inner.put(batch.items, { signal: batch.signal, onSettled: batch.settle });
      },
    })),
    caught: ['CAP-09', 'PUT-14', 'PUT-15', 'PUT-16', 'BATCH-05', 'CONC-01'],
  },
  {
    fault: 'knows its namespace only once it is open',
    make: facade((inner) => ({
      get info() {
        return inner.state === 'new' ? { ...inner.info, namespace: '' } : inner.info;
      },
    })),
    caught: ['CAP-10', 'ERR-02'],
  },
  {
    fault: 'takes keys that are longer than it says',
    capabilities: shortKeys,
    make: facade(() => ({ capabilities: shortKeys })),
    caught: ['KEYS-12'],
  },
  {
    fault: 'stores what is above its limit',
    capabilities: small,
    make: facade(() => ({ capabilities: small })),
    caught: ['CAP-11'],
  },
  {
    fault: 'refuses what is exactly its limit',
    capabilities: small,
    make: (inner) => {
      const less = { ...memoryCapabilities, limits: { ...memoryCapabilities.limits, maxValueBytes: MIB - 1 } };
      const backend = defineBackend({ ...forwardTo(inner), capabilities: less });
      return facade(() => ({ capabilities: small }))(backend);
    },
    caught: ['CAP-12', 'GET-13', 'PUT-06', 'PUT-10'],
  },
];
