import { cases as allCases } from './cases/index.ts';
import { levelFromEnvironment } from './levels.ts';
import { failureText } from './report.ts';
import { casesOf, NO_NETWORK, newRunId } from './runner.ts';
import { CASE_MS, Session, skipList } from './session.ts';
import type { ConformanceSuite } from './types.ts';

/** What a test framework has to have for the suites of this package. */
export interface TestFramework {
  /** Registers tests that run one after another, in the order in which `body` makes them. */
  describe(name: string, body: () => void): void;
  beforeAll(run: () => Promise<void>, limitMs: number): void;
  afterAll(run: () => Promise<void>, limitMs: number): void;
  /** Registers a test. What `run` gives is why the test is skipped after all; `undefined`: it passed. */
  test(name: string, run: () => Promise<string | undefined>, limitMs: number): void;
}

/** How long store and proxy may take to come up or to go, in milliseconds. */
const SET_UP_MS = 60_000;
/** What a test may take beyond its case: to be told to end, and to clean up. */
const CLEAN_UP_MS = 30_000;

/**
 * Registers one test per case of the suite's level. A case that does not run is a skipped test with its reason; those that lack nothing but a
 * network are one.
 *
 * Throws CONFIG_INVALID for a skip list that names no case, and for a level in the environment that does not exist.
 */
export function describeBackend(framework: TestFramework, name: string, suite: ConformanceSuite): void {
  const level = levelFromEnvironment(suite);
  // A wrong list fails where it stands, not in a hook.
  skipList(suite, allCases);
  framework.describe(`${name} (conformance, level ${level})`, () => {
    let session: Session | undefined;
    framework.beforeAll(async () => {
      session = await Session.open(suite, { level, cases: allCases, runId: newRunId() });
    }, SET_UP_MS);
    framework.afterAll(async () => {
      await session?.close();
      for (const problem of session?.leftovers ?? []) console.error(`Not cleaned up behind ${problem}`);
    }, SET_UP_MS);

    const cases = casesOf(allCases, level);
    for (const conformanceCase of cases) {
      if (suite.upstream === undefined && conformanceCase.needs.includes('bytes')) continue;
      const { id, title } = conformanceCase;
      framework.test(
        `${id} ${title}`,
        async () => {
          if (session === undefined) throw new Error('the suite did not start');
          const held = session.gate(conformanceCase);
          if (held !== undefined) return held === 'network' ? NO_NETWORK.reason : held.reason;
          const result = await session.run(conformanceCase);
          if (result.status === 'failed') throw new Error(failureText(result));
          return result.status === 'provisional' ? `provisional, and fails: ${failureText(result)}` : undefined;
        },
        CASE_MS[conformanceCase.level] + CLEAN_UP_MS,
      );
    }
    if (level !== 'core' && suite.upstream === undefined) {
      framework.test(`network: ${NO_NETWORK.title}`, async () => NO_NETWORK.reason, SET_UP_MS);
    }
  });
}
