import type { Capabilities } from '@kvferry/core';
import type { ConformanceCase, Need } from './case.ts';
import type { Provocation, Target } from './types.ts';

/** What a run has for its cases. */
export interface Equipment {
  readonly capabilities: Capabilities;
  readonly target: Target;
  /** What the fault proxy can do: nothing where there is none, bytes alone where the store does not speak HTTP. */
  readonly proxy: 'none' | 'bytes' | 'bytes and answers';
}

/** Says why a case does not run: `network` for all that want a network where there is none, told once; `undefined` when it does run. */
export function gate(
  { level, needs }: Pick<ConformanceCase, 'level' | 'needs'>,
  equipment: Equipment,
): 'network' | { readonly reason: string } | undefined {
  for (const need of needs) {
    const reason = missing(need, equipment);
    if (reason === undefined) continue;
    const wantsNetwork = level !== 'core' && (need === 'bytes' || isProvocation(need));
    return wantsNetwork && equipment.proxy === 'none' ? 'network' : { reason };
  }
  return undefined;
}

/** The largest value that a case may make to try a limit. */
const MAX_TRIED_BYTES = 64 * 1024 * 1024;

const provocations: Readonly<Record<Provocation, true>> = {
  denied: true,
  throttled: true,
  unavailable: true,
  missingNamespace: true,
  errorAfterSuccess: true,
};

function isProvocation(need: Need): need is Provocation {
  return Object.hasOwn(provocations, need);
}

function missing(need: Need, { capabilities, target, proxy }: Equipment): string | undefined {
  switch (need) {
    case 'bytes':
      return proxy === 'none' ? 'needs a network, and the suite names no upstream' : undefined;
    case 'requests':
      return proxy === 'bytes and answers' ? undefined : 'counts requests, which the proxy sees over HTTP alone';
    case 'rawRead':
    case 'rawWrite':
      return target[need] === undefined ? `needs ${need}, which the target does not give` : undefined;
    case 'delete':
    case 'list':
    case 'create':
      return capabilities[need] ? undefined : `needs ${need}, which the backend does not claim`;
    case 'no-delete':
    case 'no-list':
    case 'no-create':
      return capabilities[capabilityWithout(need)] ? `is for backends without ${capabilityWithout(need)}` : undefined;
    case 'small-values':
      return capabilities.limits.maxValueBytes <= MAX_TRIED_BYTES
        ? undefined
        : `tries values of the largest size; this backend takes ${capabilities.limits.maxValueBytes} bytes, and up to ${MAX_TRIED_BYTES} are tried`;
    default:
      if (target.provoke?.[need] !== undefined || proxy === 'bytes and answers') return undefined;
      return `needs provoke.${need}, which the target does not give (over HTTP the proxy does it)`;
  }
}

function capabilityWithout(need: 'no-delete' | 'no-list' | 'no-create'): 'delete' | 'list' | 'create' {
  return need.slice('no-'.length) as 'delete' | 'list' | 'create';
}
