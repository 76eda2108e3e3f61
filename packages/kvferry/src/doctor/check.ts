/** What is looked at, in the order in which it is told. */
export const CHECKS = [
  // Where the store is, how the bucket is addressed, what is spoken, who asks.
  'endpoint',
  'addressing',
  'protocol',
  'identity',
  // What is allowed.
  'get',
  'list',
  'put',
  'delete',
  // What keeps requests from being taken, or makes them slow and dear.
  'clock',
  'certificate',
  'region',
  'machine-region',
  // What lies in the bucket, and whether the configuration finds it.
  'contents',
  'configuration',
  'match',
] as const;

export type CheckName = (typeof CHECKS)[number];

/** One thing that was looked at. */
export interface Check {
  readonly check: CheckName;
  /** `unknown`: it could not be found out, or was not asked for. */
  readonly status: 'ok' | 'warning' | 'problem' | 'unknown';
  /** What was found: a sentence without a stop at its end. */
  readonly found: string;
  /** The line to change, with what to write there; `null` where there is none. */
  readonly fix: string | null;
}

export function ok(check: CheckName, found: string): Check {
  return { check, status: 'ok', found, fix: null };
}

export function unknown(check: CheckName, found: string): Check {
  return { check, status: 'unknown', found, fix: null };
}

export function warning(check: CheckName, found: string, fix: string | null = null): Check {
  return { check, status: 'warning', found, fix };
}

export function problem(check: CheckName, found: string, fix: string | null = null): Check {
  return { check, status: 'problem', found, fix };
}
