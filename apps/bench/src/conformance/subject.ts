import type { ConformanceSuite } from '@kvferry/conformance';
import { KvferryError } from '@kvferry/core';
import { type RemoteTarget, remoteTarget } from '@kvferry/lmcache';
import { backendFor, type LoadedConfig } from 'kvferry';
import { fileSubject, memorySubject } from './core-subjects.ts';
import { pluginSubject } from './plugin-subject.ts';
import { type S3Kind, s3Subject } from './s3-subject.ts';

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

const s3Kinds: readonly string[] = ['s3', 's3-express', 's3-compatible'] satisfies readonly S3Kind[];
const builtIn = [...s3Kinds, 'memory', 'file'];

/**
 * Decides what is tried and where, and starts the store where the run has one of its own.
 *
 * Rejects with CONFIG_INVALID, INVALID_ARGUMENT or UNSUPPORTED for what does not go together, or is not to be had.
 */
export async function openSubject(request: SubjectRequest): Promise<Subject> {
  const { bucket, region } = request;
  const kind = await kindAskedFor(request);
  if (isS3(kind)) return await s3Subject(kind, request);
  if (bucket !== undefined || region !== undefined) {
    throw new KvferryError('INVALID_ARGUMENT', `--bucket and --region are for S3 stores, and the backend is ${kind}`);
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

/** The backend to try. Rejects for a configuration that cannot be opened, or that another backend was asked for. */
async function kindAskedFor({ backend, loaded, live }: SubjectRequest): Promise<string> {
  if (loaded === undefined) return backend ?? 's3';
  const remote = remoteTarget(loaded.config);
  const named = kindOf(remote);
  const asked = backend === undefined || builtIn.includes(backend) ? backend : 'plug-in';
  if (live) {
    if (asked !== undefined && remote.kind !== 'none' && asked !== named) {
      const reason = `${loaded.file} names the ${named} backend, and --backend says ${backend}; leave out one`;
      throw new KvferryError('INVALID_ARGUMENT', reason);
    }
  } else if (remote.kind === 'plugin' || remote.kind === 'none') {
    const reason = `${loaded.file} names no S3 store, for which the simulator could stand; use --live to run against what it names`;
    throw new KvferryError('INVALID_ARGUMENT', reason);
  } else if (asked !== undefined && isS3(asked) && asked !== named) {
    const reason = `${loaded.file} names the ${named} backend, and --backend says ${backend}; leave out one`;
    throw new KvferryError('INVALID_ARGUMENT', reason);
  }
  if (live) {
    // Not to be used: it has layers, and no time limits of a test's. It says what is wrong with the configuration.
    const opened = await backendFor(loaded, {
      backends: asked === 'plug-in' && backend !== undefined ? [backend] : [],
    });
    await opened.close();
  }
  return asked === 'plug-in' ? (backend ?? asked) : (asked ?? named);
}

function isS3(kind: string): kind is S3Kind {
  return s3Kinds.includes(kind);
}

function kindOf(remote: RemoteTarget): string {
  if (remote.kind === 'none') return 's3';
  if (remote.kind !== 'plugin') return remote.kind;
  return builtIn.includes(remote.scheme) ? remote.scheme : 'plug-in';
}
