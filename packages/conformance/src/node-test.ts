import { after, before, describe, test } from 'node:test';
import type { KeyFormat, Serde } from '@kvferry/core';
import { describeBackend, type TestFramework } from './describe.ts';
import { type ChunkerSuite, chunkerCases } from './format-cases/chunker.ts';
import { describeFormat } from './format-cases/describe.ts';
import { keyFormatCases } from './format-cases/key-format.ts';
import { serdeCases } from './format-cases/serde.ts';
import type { ConformanceSuite } from './types.ts';

const nodeTest: TestFramework = {
  // Cases count connections and requests: one at a time.
  describe: (name, body) => void describe(name, { concurrency: 1 }, body),
  beforeAll: (run, limitMs) => before(run, { timeout: limitMs }),
  afterAll: (run, limitMs) => after(run, { timeout: limitMs }),
  test: (name, run, limitMs) =>
    void test(name, { timeout: limitMs }, async (context) => {
      const reason = await run();
      if (reason !== undefined) context.skip(reason);
    }),
};

/** Registers the conformance suite of a backend with node:test, one test per case. */
export function describeRemoteBackend(name: string, suite: ConformanceSuite): void {
  describeBackend(nodeTest, name, suite);
}

/** Registers the cases of a chunker with node:test. */
export function describeChunker(name: string, suite: ChunkerSuite): void {
  describeFormat(nodeTest, name, chunkerCases, suite);
}

/** Registers the cases of a key format with node:test. */
export function describeKeyFormat(name: string, keyFormat: KeyFormat): void {
  describeFormat(nodeTest, name, keyFormatCases, keyFormat);
}

/** Registers the cases of a serde with node:test. */
export function describeSerde(name: string, serde: Serde): void {
  describeFormat(nodeTest, name, serdeCases, serde);
}
