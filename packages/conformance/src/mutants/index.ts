import { mutants as abort } from './abort.ts';
import { mutants as batch } from './batch.ts';
import { mutants as capabilities } from './capabilities.ts';
import { mutants as deletes } from './delete.ts';
import { mutants as get } from './get.ts';
import { mutants as keys } from './keys.ts';
import { mutants as lifecycle } from './lifecycle.ts';
import { mutants as list } from './list.ts';
import type { Mutant } from './mutant.ts';
import { mutants as others } from './others.ts';
import { mutants as put } from './put.ts';

/** Every backend that the suite must not let pass. */
export const mutants: readonly Mutant[] = [
  ...capabilities,
  ...lifecycle,
  ...get,
  ...put,
  ...deletes,
  ...batch,
  ...abort,
  ...keys,
  ...list,
  ...others,
];
