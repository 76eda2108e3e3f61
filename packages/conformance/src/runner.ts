import { randomBytes } from 'node:crypto';
import type { ConformanceCase } from './case.ts';
import { cases as allCases } from './cases/index.ts';
import { defaultLevel, includesLevel } from './levels.ts';
import { type CaseResult, type ConformanceReport, conformanceReport } from './report.ts';
import { Session } from './session.ts';
import type { ConformanceSuite, Level } from './types.ts';

export interface RunOptions {
  /** How much is tried. Default: the suite's own level. */
  readonly level?: Level | undefined;
  /** Which cases of the level are run; the others are not in the report. Default: all. */
  readonly filter?: ((conformanceCase: ConformanceCase) => boolean) | undefined;
  /** Called with each result as it comes. */
  readonly onCase?: ((result: CaseResult) => void) | undefined;
  /** Ends the run: the case under way fails, the rest is skipped, and all is cleaned up. */
  readonly signal?: AbortSignal | undefined;
  /** Names the run: all keys lie under `kvferry-conformance-<runId>/`. Default: random. */
  readonly runId?: string | undefined;
  /** How long one case may take, in milliseconds. Default: 10,000, and 120,000 at level `stress`. */
  readonly caseMs?: number | undefined;
  /** The cases to choose from. Default: those of this package. */
  readonly cases?: readonly ConformanceCase[] | undefined;
}

/**
 * Runs the suite against a backend, one case after another, and reports what came of each. A case that fails does not end the run.
 *
 * Rejects when the run could not begin: CONFIG_INVALID for a wrong suite, what `createTarget` threw, CONNECTION for a store that the proxy does
 * not reach.
 */
export async function runConformance(suite: ConformanceSuite, options: RunOptions = {}): Promise<ConformanceReport> {
  const { level = defaultLevel(suite), filter, onCase, signal, caseMs } = options;
  const { runId = newRunId(), cases = allCases } = options;
  signal?.throwIfAborted();
  const session = await Session.open(suite, { level, cases, runId, caseMs });
  const results: CaseResult[] = [];
  const tell = (result: CaseResult): void => {
    results.push(result);
    onCase?.(result);
  };
  try {
    const { gated, runnable } = planned(session, casesOf(cases, level, filter));
    for (const result of gated) tell(result);
    for (const conformanceCase of runnable) {
      tell(
        signal?.aborted
          ? skippedResult(conformanceCase, 'the run was ended before it')
          : await session.run(conformanceCase, signal),
      );
    }
  } finally {
    await session.close();
  }
  const { scheme, namespace } = session.info;
  return conformanceReport(`${scheme}://${namespace}`, level, results, session.leftovers);
}

/** A random name for a run. */
export function newRunId(): string {
  return randomBytes(6).toString('hex');
}

/** The cases of a level, in their order. */
export function casesOf(
  cases: readonly ConformanceCase[],
  level: Level,
  filter: (conformanceCase: ConformanceCase) => boolean = () => true,
): ConformanceCase[] {
  return cases.filter((conformanceCase) => includesLevel(level, conformanceCase.level) && filter(conformanceCase));
}

/** Parts what runs from what does not; all that lacks nothing but a network is one line. */
function planned(
  session: Session,
  cases: readonly ConformanceCase[],
): { readonly gated: CaseResult[]; readonly runnable: ConformanceCase[] } {
  const gated: CaseResult[] = [];
  const runnable: ConformanceCase[] = [];
  let withoutNetwork = false;
  for (const conformanceCase of cases) {
    const held = session.gate(conformanceCase);
    if (held === undefined) runnable.push(conformanceCase);
    else if (held !== 'network') gated.push(skippedResult(conformanceCase, held.reason));
    else withoutNetwork = true;
  }
  if (withoutNetwork) gated.push(NO_NETWORK);
  return { gated, runnable };
}

/** Stands for every case that needs a network, for a backend without one. */
export const NO_NETWORK: CaseResult = {
  id: 'network',
  title: 'all cases that need a network',
  status: 'skipped',
  reason: 'not applicable: the suite names no upstream',
  seconds: 0,
};

function skippedResult({ id, title }: ConformanceCase, reason: string): CaseResult {
  return { id, title, status: 'skipped', reason, seconds: 0 };
}
