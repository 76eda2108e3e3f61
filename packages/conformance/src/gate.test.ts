import { memoryBackend } from '@kvferry/core';
import { describe, expect, test } from 'vitest';
import type { ConformanceCase, Need } from './case.ts';
import { type Equipment, gate } from './gate.ts';
import type { Target } from './types.ts';

const target: Target = { create: memoryBackend };
const all = { delete: true, list: true, create: true, limits: { maxValueBytes: 1, maxKeyBytes: 512 } };
const none = { delete: false, list: false, create: false, limits: { maxValueBytes: 1, maxKeyBytes: 512 } };

const outcome = (needs: readonly Need[], equipment: Partial<Equipment>, level: ConformanceCase['level'] = 'core') => {
  const held = gate({ level, needs }, { capabilities: all, target, proxy: 'none', ...equipment });
  return typeof held === 'object' ? held.reason : held;
};

describe('a case runs where its needs are met, and is skipped with the reason where they are not', () => {
  test.for<[needs: Need[], equipment: Partial<Equipment>, expected: string | undefined]>([
    [[], {}, undefined],
    [['delete', 'list', 'create'], {}, undefined],
    [['delete'], { capabilities: none }, 'needs delete, which the backend does not claim'],
    [['no-create'], { capabilities: none }, undefined],
    [['no-create'], {}, 'is for backends without create'],
    [['rawRead'], {}, 'needs rawRead, which the target does not give'],
    [['rawRead'], { target: { ...target, rawRead: async () => undefined } }, undefined],
    [['rawWrite'], { target: { ...target, rawWrite: async () => {} } }, undefined],
    [['bytes'], { proxy: 'bytes' }, undefined],
    [['bytes', 'requests'], { proxy: 'bytes' }, 'counts requests, which the proxy sees over HTTP alone'],
    [['bytes', 'requests'], { proxy: 'bytes and answers' }, undefined],
    [['denied'], { proxy: 'bytes and answers' }, undefined],
    [['denied'], { target: { ...target, provoke: { denied: memoryBackend } } }, undefined],
    [
      ['denied'],
      { proxy: 'bytes' },
      'needs provoke.denied, which the target does not give (over HTTP the proxy does it)',
    ],
  ])('%j with %o', ([needs, equipment, expected]) => {
    expect(outcome(needs, equipment)).toBe(expected);
  });

  test('what lacks nothing but a network is told once for all', () => {
    expect(outcome(['bytes'], {}, 'network')).toBe('network');
    expect(outcome(['throttled'], {}, 'network')).toBe('network');
    expect(outcome(['bytes'], { proxy: 'bytes' }, 'network')).toBeUndefined();
  });
});
