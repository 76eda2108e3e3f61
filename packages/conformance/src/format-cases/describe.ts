import type { TestFramework } from '../describe.ts';

/** One thing that holds of every chunker, key format or serde, tried. Synchronous: these are pure. */
export interface FormatCase<Subject> {
  /** For ever: `CHUNK-02`. */
  readonly id: string;
  readonly title: string;
  /** Throws an AssertionError where it does not hold; gives the reason where it does not apply. */
  run(subject: Subject): string | undefined;
}

/** How long one case may take, in milliseconds: they compute, and read nothing. */
const FORMAT_CASE_MS = 30_000;

/** Registers one test per case. */
export function describeFormat<Subject>(
  framework: TestFramework,
  name: string,
  cases: readonly FormatCase<Subject>[],
  subject: Subject,
): void {
  framework.describe(`${name} (conformance)`, () => {
    for (const { id, title, run } of cases) {
      framework.test(`${id} ${title}`, async () => run(subject), FORMAT_CASE_MS);
    }
  });
}
