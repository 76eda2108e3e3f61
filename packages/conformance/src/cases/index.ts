import type { ConformanceCase } from '../case.ts';
import { cases as abort } from './abort.ts';
import { cases as batch } from './batch.ts';
import { cases as capabilities } from './capabilities.ts';
import { cases as concurrency } from './concurrency.ts';
import { cases as deletes } from './delete.ts';
import { cases as errors } from './errors.ts';
import { cases as get } from './get.ts';
import { cases as keys } from './keys.ts';
import { cases as lifecycle } from './lifecycle.ts';
import { cases as list } from './list.ts';
import { cases as memory } from './memory.ts';
import { cases as networkAbort } from './network-abort.ts';
import { cases as networkAnswers } from './network-answers.ts';
import { cases as networkBatches } from './network-batches.ts';
import { cases as networkConnections } from './network-connections.ts';
import { cases as networkFailures } from './network-failures.ts';
import { cases as networkGet } from './network-get.ts';
import { cases as networkPut } from './network-put.ts';
import { cases as networkSecrets } from './network-secrets.ts';
import { cases as put } from './put.ts';
import { cases as stat } from './stat.ts';
import { cases as stress } from './stress.ts';

/** Every case of the suite, in the order in which they run. */
export const cases: readonly ConformanceCase[] = [
  ...capabilities,
  ...lifecycle,
  ...stat,
  ...get,
  ...put,
  ...deletes,
  ...batch,
  ...abort,
  ...keys,
  ...list,
  ...concurrency,
  ...memory,
  ...errors,
  ...networkFailures,
  ...networkAnswers,
  ...networkAbort,
  ...networkPut,
  ...networkGet,
  ...networkBatches,
  ...networkConnections,
  ...networkSecrets,
  ...stress,
];
