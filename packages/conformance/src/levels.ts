import { KvferryError } from '@kvferry/core';
import type { ConformanceSuite, Level } from './types.ts';

/** The levels, each including those before it. */
export const LEVELS: readonly Level[] = ['core', 'network', 'stress'];

/** Says whether a run at `chosen` includes what is of level `level`. */
export function includesLevel(chosen: Level, level: Level): boolean {
  return LEVELS.indexOf(level) <= LEVELS.indexOf(chosen);
}

/** The level of a suite that nobody chose one for: `network`, and `core` where there is none. */
export function defaultLevel(suite: ConformanceSuite): Level {
  return suite.level ?? (suite.upstream === undefined ? 'core' : 'network');
}

/** The level that `KVFERRY_CONFORMANCE_LEVEL` names, else the suite's. Throws CONFIG_INVALID for one that does not exist. */
export function levelFromEnvironment(suite: ConformanceSuite): Level {
  const name = process.env.KVFERRY_CONFORMANCE_LEVEL;
  if (name === undefined || name === '') return defaultLevel(suite);
  const level = LEVELS.find((known) => known === name);
  if (level !== undefined) return level;
  const reason = `KVFERRY_CONFORMANCE_LEVEL is one of ${LEVELS.join(', ')}, not ${JSON.stringify(name)}`;
  throw new KvferryError('CONFIG_INVALID', reason);
}
