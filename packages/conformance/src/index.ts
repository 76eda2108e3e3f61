export type { CaseContext, ConformanceCase, Need } from './case.ts';
export { cases } from './cases/index.ts';
export { LEVELS } from './levels.ts';
export { type FaultProxyOptions, startFaultProxy } from './proxy/fault-proxy.ts';
export type { Direction, FaultProxy, ProxyAnswer, ProxyCounts, WireFault } from './proxy/types.ts';
export {
  type CaseResult,
  type CaseStatus,
  type ConformanceReport,
  failureText,
  reportMarkdown,
} from './report.ts';
export { type RunOptions, runConformance } from './runner.ts';
export type {
  ConformanceSuite,
  Level,
  Provocation,
  SkippedCase,
  Target,
  TargetEnvironment,
} from './types.ts';
export { CONTRACT_VERSION, SUITE_VERSION } from './versions.ts';
