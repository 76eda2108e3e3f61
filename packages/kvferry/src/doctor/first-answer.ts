import type { KvferryError, RemoteBackend } from '@kvferry/core';
import type { FirstLook, S3Endpoint } from '@kvferry/s3-protocol';
import type { LoadedConfig } from '../load-config.ts';
import { type Check, problem } from './check.ts';
import { configLine, currentLine } from './config-line.ts';
import { toldRegion } from './place.ts';
import { getOne, ownKey, REQUEST_MS } from './rights.ts';
import { within } from './within.ts';

/** What the first request came to, for a key that nobody has. */
export type FirstAnswer =
  | { readonly status: 'answered' }
  /** The store knows who asks, and does not allow it. */
  | { readonly status: 'denied'; readonly error: KvferryError }
  /** Nothing more can be asked. `during`: opening a backend of S3 asks for credentials, and nothing of the store. */
  | { readonly status: 'refused'; readonly during: 'open' | 'get'; readonly error: KvferryError };

/** Opens the backend and asks it for one key. */
export async function firstAnswer(backend: RemoteBackend, front: string, signal: AbortSignal): Promise<FirstAnswer> {
  const opened = await within(REQUEST_MS, signal, (limit) => backend.open({ signal: limit }));
  const got = opened.status === 'failed' ? opened : await getOne(backend, ownKey(front), signal);
  if (got.status === 'done') return { status: 'answered' };
  const { error } = got;
  if (error.code === 'PERMISSION_DENIED') return { status: 'denied', error };
  return { status: 'refused', during: opened.status === 'failed' ? 'open' : 'get', error };
}

/** What keeps everything else from being asked, as the check that it belongs to. */
export interface Trouble {
  readonly check: Check;
  /** The region that the store named while it refused. */
  readonly region: string | undefined;
}

/** Finds the check that a refusal belongs to, and the line that cures it. */
export async function troubleOf(
  { during, error }: Extract<FirstAnswer, { readonly status: 'refused' }>,
  at: {
    readonly loaded: LoadedConfig;
    /** Named on the command line, in place of the configuration's. */
    readonly endpoint: string | undefined;
    readonly place: S3Endpoint | undefined;
    readonly look: FirstLook | undefined;
  },
  signal: AbortSignal,
): Promise<Trouble> {
  const { endpoint, loaded, look, place } = at;
  const { reason } = error;
  const trouble = (check: Check, region?: string): Trouble => ({ check, region });
  const storeLine = endpoint === undefined ? lineOfStore(loaded) : `--endpoint ${endpoint}`;
  if (place === undefined) return trouble(problem('endpoint', reason, storeLine));
  if (during === 'open' && (error.code === 'TIMEOUT' || error.code === 'CONNECTION')) {
    return trouble(problem('identity', `credentials: ${reason}`, lineOfCredentials(loaded, reason)));
  }
  switch (error.code) {
    case 'UNAUTHENTICATED':
      return trouble(problem('identity', reason, lineOfCredentials(loaded, reason)));
    case 'NAMESPACE_NOT_FOUND':
      if (reason.includes('addressing')) return trouble(addressingProblem(reason, loaded, place));
      return trouble(
        problem('endpoint', reason, currentLine(loaded, 'extra_config.kvferry.bucket') ?? lineOfStore(loaded)),
      );
    case 'CONFIG_INVALID': {
      // Before anything was sent: the file of authorities is the one thing that is read at the opening.
      const line = lineOfAuthorities(loaded, reason);
      if (line !== undefined) return trouble(problem('certificate', reason, line));
      const asked = await within(REQUEST_MS, signal, (limit) => toldRegion(place, loaded, limit));
      const told = (asked.status === 'done' ? asked.value : undefined) ?? look?.region;
      if (told !== undefined && told !== place.region) {
        const line = configLine(loaded, 'extra_config.s3_region', JSON.stringify(told));
        return trouble(problem('region', reason, line), told);
      }
      if (!reason.includes('addressing')) return trouble(problem('endpoint', reason, storeLine));
      return trouble(addressingProblem(reason, loaded, place));
    }
    case 'THROTTLED':
    case 'UNAVAILABLE':
      return trouble(problem('endpoint', reason));
    default: {
      // A host that is named without a scheme says nothing of TLS: another line does.
      const plain =
        reason.includes('disable_tls: True') && loaded.config.kvferry.endpoint?.startsWith('https') !== true;
      if (plain && endpoint === undefined) {
        return trouble(problem('endpoint', reason, configLine(loaded, 'extra_config.disable_tls', 'True')));
      }
      const distrusted = look?.certificate?.problem !== undefined;
      if (!distrusted) return trouble(problem('endpoint', reason, storeLine));
      const line = configLine(loaded, 'extra_config.kvferry.ca_file', '"<file of its authority, PEM>"');
      return trouble(problem('certificate', reason, line));
    }
  }
}

function addressingProblem(reason: string, loaded: LoadedConfig, { addressing }: S3Endpoint): Check {
  const other = addressing === 'path' ? 'virtual' : 'path';
  return problem('addressing', reason, configLine(loaded, 'extra_config.kvferry.addressing', other));
}

function lineOfStore(loaded: LoadedConfig): string | null {
  return currentLine(loaded, 'extra_config.kvferry.endpoint') ?? currentLine(loaded, 'remote_url') ?? null;
}

function lineOfAuthorities(loaded: LoadedConfig, reason: string): string | undefined {
  if (reason.startsWith('AWS_CA_BUNDLE: ')) return 'AWS_CA_BUNDLE, in the environment';
  return reason.startsWith('tls.caFile: ') ? currentLine(loaded, 'extra_config.kvferry.ca_file') : undefined;
}

function lineOfCredentials(loaded: LoadedConfig, reason: string): string {
  const secret = 'extra_config.aws_secret_access_key';
  return (
    // Where it is the secret that is wrong, the reason names its line, and no other.
    (reason.includes(secret) ? currentLine(loaded, secret) : undefined) ??
    currentLine(loaded, 'extra_config.aws_access_key_id') ??
    currentLine(loaded, 'extra_config.kvferry.profile') ??
    'AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or whichever source of credentials is meant'
  );
}
