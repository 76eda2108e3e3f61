import type { KeyFormat, Serde } from '@kvferry/core';
import { afterAll, beforeAll, describe, test } from 'vitest';
import { describeBackend, type TestFramework } from './describe.ts';
import { type ChunkerSuite, chunkerCases } from './format-cases/chunker.ts';
import { describeFormat } from './format-cases/describe.ts';
import { keyFormatCases } from './format-cases/key-format.ts';
import { serdeCases } from './format-cases/serde.ts';
import type { ConformanceSuite } from './types.ts';

const vitest: TestFramework = {
  // Whatever the author's configuration says of concurrency: cases count connections and requests.
  describe: (name, body) => void describe(name, { concurrent: false }, body),
  beforeAll: (run, limitMs) => beforeAll(run, limitMs),
  afterAll: (run, limitMs) => afterAll(run, limitMs),
  test: (name, run, limitMs) =>
    void test(name, { timeout: limitMs, concurrent: false, retry: 0 }, async ({ skip }) => {
      const reason = await run();
      if (reason !== undefined) skip(reason);
    }),
};

/** Registers the conformance suite of a backend with vitest, one test per case. */
export function describeRemoteBackend(name: string, suite: ConformanceSuite): void {
  describeBackend(vitest, name, suite);
}

/** Registers the cases of a chunker with vitest. */
export function describeChunker(name: string, suite: ChunkerSuite): void {
  describeFormat(vitest, name, chunkerCases, suite);
}

/** Registers the cases of a key format with vitest. */
export function describeKeyFormat(name: string, keyFormat: KeyFormat): void {
  describeFormat(vitest, name, keyFormatCases, keyFormat);
}

/** Registers the cases of a serde with vitest. */
export function describeSerde(name: string, serde: Serde): void {
  describeFormat(vitest, name, serdeCases, serde);
}
