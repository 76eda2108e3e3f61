import type { RemoteBackend } from '@kvferry/core';
import { describe, expect, it } from 'vitest';
import { cases } from '../cases/index.ts';
import { runConformance } from '../runner.ts';
import type { ConformanceSuite } from '../types.ts';
import { mutants } from './index.ts';
import { memoryCapabilities, targetOf } from './mutant.ts';

/** The ids of the cases of level core that a backend fails. */
async function failuresOf(
  make: (inner: RemoteBackend) => RemoteBackend,
  capabilities: ConformanceSuite['capabilities'] = memoryCapabilities,
): Promise<string[]> {
  const { cases } = await runConformance({ capabilities, createTarget: () => targetOf(make) }, { level: 'core' });
  return cases.filter(({ status }) => status === 'failed' || status === 'provisional').map(({ id }) => id);
}

it('lets the unbroken backend pass', async () => {
  expect(await failuresOf((inner) => inner)).toEqual([]);
});

describe('catches a backend that', () => {
  for (const { fault, make, capabilities, caught } of mutants) {
    it(fault, async () => {
      expect(await failuresOf(make, capabilities)).toEqual(caught);
    });
  }
});

it('has a mutant for every case of level core', () => {
  const seen = new Set(mutants.flatMap(({ caught }) => caught));
  const core = cases.filter(({ level }) => level === 'core');
  expect(core.filter(({ id }) => !seen.has(id)).map(({ id }) => id)).toEqual([]);
});
