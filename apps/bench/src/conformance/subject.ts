import type { ConformanceSuite } from '@kvferry/conformance';
import { KvferryError } from '@kvferry/core';
import { type RemoteTarget, remoteTarget } from '@kvferry/lmcache';
import { backendFor, type LoadedConfig } from 'kvferry';
import { fileSubject, memorySubject } from './core-subjects.ts';
import { pluginSubject } from './plugin-subject.ts';
import { s3Subject } from './s3-subject.ts';

/** What is to be tried, and where, as the caller asked for it. */
export interface SubjectRequest {
  /** `undefined`: what a live configuration names, else `s3`. */
  readonly backend: string | undefined;
  /** `undefined`: what a live configuration names, else the backend's own default. */
  readonly target: string | undefined;
  readonly loaded: LoadedConfig | undefined;
  /** Whether the store is the one that `loaded` names. */
  readonly live: boolean;
  readonly bucket: string | undefined;
  readonly region: string | undefined;
  /** Names the run: every key, and a bucket of its own. */
  readonly runId: string;
}

/** A backend and the store that it is tried on. Nothing has been written there yet. */
export interface Subject {
  /** Scheme of the backend. */
  readonly backend: string;
  /** The store, as the document names it. */
  readonly target: string;
  /** The store, in words. */
  readonly store: string;
  readonly identity: string;
  /** What keys live in, in words: `bucket my-bucket`. */
  readonly place: string;
  /** What becomes of `place`, or of the keys in it, at the end. A sentence. */
  readonly afterwards: string;
  /** Stands in front of all keys of the run: a prefix that the configuration wants. Empty, or with a slash at its end. */
  readonly keyPrefix: string;
  readonly suite: ConformanceSuite;
  /** Makes the place, and sees that the backend reaches it. Rejects where it cannot be used. */
  prepare(signal: AbortSignal): Promise<void>;
  /** Removes whatever the run may have left there. Says what is gone; `undefined` where there is nothing to say. Rejects when something stays. */
  remove(): Promise<string | undefined>;
  /** Ends what was started for the run alone. Removes nothing of a store that is not its own. */
  close(): Promise<void>;
}

/** Backends that are known by name and not there yet. */
const planned = ['s3-express', 's3-compatible'];
const builtIn = ['s3', 'memory', 'file'];

/**
 * Decides what is tried and where, and starts the store where the run has one of its own.
 *
 * Rejects with CONFIG_INVALID, INVALID_ARGUMENT or UNSUPPORTED for what does not go together, or is not to be had.
 */
export async function openSubject(request: SubjectRequest): Promise<Subject> {
  const { backend, bucket, region } = request;
  if (backend !== undefined && planned.includes(backend)) {
    const reason = `the ${backend} backend is not there yet; this version of kvferry tries ${builtIn.join(', ')} and plug-ins`;
    throw new KvferryError('UNSUPPORTED', reason);
  }
  const remote = await remoteOf(request);
  const kind = backend ?? (request.live ? kindOf(remote) : 's3');
  if (kind === 's3') return await s3Subject(request, remote);
  if (bucket !== undefined || region !== undefined) {
    throw new KvferryError('INVALID_ARGUMENT', `--bucket and --region are for s3, and the backend is ${kind}`);
  }
  if (request.loaded !== undefined && !request.live) {
    const reason = `without --live the store is the S3 simulator, whatever ${request.loaded.file} names, and the backend is ${kind}`;
    throw new KvferryError('INVALID_ARGUMENT', reason);
  }
  const url = request.live ? request.loaded?.config.remoteUrl : request.target;
  if (kind === 'memory') return memorySubject(request, url);
  if (kind === 'file') return await fileSubject(request, url);
  return await pluginSubject(request, url);
}

/** What the configuration names; `undefined` without one. Rejects for what it cannot be opened with. */
async function remoteOf({ backend, loaded, live }: SubjectRequest): Promise<RemoteTarget | undefined> {
  if (loaded === undefined) return undefined;
  const remote = remoteTarget(loaded.config);
  if (live) {
    const named = kindOf(remote);
    const asked = backend === undefined || builtIn.includes(backend) ? backend : 'plug-in';
    if (asked !== undefined && remote.kind !== 'none' && asked !== named) {
      const reason = `${loaded.file} names the ${named} backend, and --backend says ${backend}; leave out one`;
      throw new KvferryError('INVALID_ARGUMENT', reason);
    }
  } else if (remote.kind === 'plugin' || remote.kind === 'none') {
    const reason = `${loaded.file} names no S3 store, for which the simulator could stand; use --live to run against what it names`;
    throw new KvferryError('INVALID_ARGUMENT', reason);
  }
  // Not to be used: it has layers, and no time limits of a test's. It says what is wrong with the configuration.
  const opened = await backendFor(loaded, {
    endpoint: live ? undefined : 'http://127.0.0.1:1',
    backends: live && backend !== undefined && !builtIn.includes(backend) ? [backend] : [],
  });
  await opened.close();
  return remote;
}

function kindOf(remote: RemoteTarget | undefined): string {
  if (remote?.kind !== 'plugin') return 's3';
  return builtIn.includes(remote.scheme) ? remote.scheme : 'plug-in';
}
