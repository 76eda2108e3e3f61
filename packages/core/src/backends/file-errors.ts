import { type ErrorCode, KvferryError } from '../errors.ts';

/**
 * Makes a KvferryError of what the file system threw, naming the path and the way out. A full disk is UNAVAILABLE, not TOO_LARGE: the
 * same value fits once something has been removed.
 */
export function fileError(thrown: unknown, path: string): KvferryError {
  if (KvferryError.is(thrown)) return thrown;
  const name = errnoOf(thrown);
  const [code, advice] = (name === undefined ? undefined : reactions[name]) ?? ['UNKNOWN', 'see the cause'];
  return new KvferryError(code, `${path}: ${advice}${name === undefined ? '' : ` (${name})`}`, { cause: thrown });
}

/** Gives the name of a system error, such as `ENOENT`. */
export function errnoOf(thrown: unknown): string | undefined {
  const code = thrown instanceof Error ? (thrown as NodeJS.ErrnoException).code : undefined;
  return typeof code === 'string' ? code : undefined;
}

type Reaction = readonly [code: ErrorCode, advice: string];

const denied: Reaction = [
  'PERMISSION_DENIED',
  'this process may not read or write here; give it the right, or choose another folder',
];
const full: Reaction = ['UNAVAILABLE', 'no space is left; remove something, or choose another folder'];
const filesOpen: Reaction = ['UNAVAILABLE', 'too many files are open; raise the limit (ulimit -n)'];
const troubled: Reaction = ['UNAVAILABLE', 'the file system did not do it; look at the disk or the mount'];
const inTheWay: Reaction = [
  'CONFIG_INVALID',
  'something that is not of this store is in the way; move it, or choose another folder',
];

const reactions: Readonly<Record<string, Reaction>> = {
  EACCES: denied,
  EPERM: denied,
  EROFS: denied,
  ENOSPC: full,
  EDQUOT: full,
  EMFILE: filesOpen,
  ENFILE: filesOpen,
  EIO: troubled,
  ESTALE: troubled,
  EBUSY: troubled,
  EAGAIN: troubled,
  ETIMEDOUT: troubled,
  ENOTCONN: troubled,
  EEXIST: inTheWay,
  EISDIR: inTheWay,
  ENOTDIR: inTheWay,
  ENOTEMPTY: inTheWay,
  ELOOP: inTheWay,
  ENOENT: ['NAMESPACE_NOT_FOUND', 'the folder is not there; mount or create it, and open the store again'],
  EFBIG: ['TOO_LARGE', 'the file system takes no file of this size'],
  ENAMETOOLONG: ['UNSUPPORTED', 'the path is too long for this file system; choose a folder with a shorter path'],
  EXDEV: ['CONFIG_INVALID', 'it lies on another file system than the store; keep all its folders on one'],
};
