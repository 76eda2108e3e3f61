import { type Chunk, type Key, type KeyFormat, type KeyScope, KvferryError, keyProblem } from '@kvferry/core';

/** What a multi-process key has beside the chunk and the rank. */
export interface MultiProcessKeyOptions {
  /** Group of layers. Default: 0, the only one of most models. */
  readonly objectGroupId?: number | undefined;
  /** Keeps requests with different salts apart; at most 128 characters without `@`, `/`, `\` and NUL. Default: none. */
  readonly cacheSalt?: string | undefined;
}

const MAX_SALT_CHARACTERS = 128;
const saltRefused = ['@', '/', '\\', '\0'];

/**
 * The object keys of LMCache's multi-process server since 0.5.0, `model@rank@group@hash` and `@salt` where there is one, with the slashes of
 * the model name kept. A scope's world size and worker id are the server's `kv_world_size` and `kv_worker_id`, which are not the engine's.
 *
 * The form has no dtype: scopes that differ in it share their keys.
 *
 * Throws INVALID_ARGUMENT for a bad option. `key` throws it for what the form cannot express: tags, an `@` in the model name, ranks beyond 8
 * bits, a hash that is not 64 hex digits, and what is no valid key, such as a model name that starts with a slash.
 */
export function multiProcessKeyFormat(options: MultiProcessKeyOptions): KeyFormat {
  const { objectGroupId = 0, cacheSalt = '' } = options;
  if (!Number.isSafeInteger(objectGroupId) || objectGroupId < 0) {
    throw new KvferryError('INVALID_ARGUMENT', `objectGroupId is an integer from 0, not ${objectGroupId}`);
  }
  if (cacheSalt.length > MAX_SALT_CHARACTERS || saltRefused.some((character) => cacheSalt.includes(character))) {
    throw new KvferryError(
      'INVALID_ARGUMENT',
      `cacheSalt has at most ${MAX_SALT_CHARACTERS} characters and no @, /, \\ or NUL`,
    );
  }
  const group = objectGroupId.toString(16);
  const salt = cacheSalt === '' ? '' : `@${cacheSalt}`;
  return {
    id: 'lmcache-multi-process',
    injective: false,
    key(chunk: Chunk, scope: KeyScope): Key {
      checkScope(chunk, scope);
      const key = `${scope.modelName}@${kvRank(scope)}@${group}@${chunk.hash}${salt}`;
      const problem = keyProblem(key);
      if (problem !== undefined) {
        throw new KvferryError(
          'INVALID_ARGUMENT',
          `${problem}. The model name makes up this one: ${JSON.stringify(key.slice(0, 120))}`,
        );
      }
      return key;
    },
  };
}

/** World size and rank, 8 bits each, twice: LMCache gives the same pair for the world and for this machine. */
function kvRank({ worldSize, workerId }: KeyScope): string {
  const pair = (worldSize * 256 + workerId).toString(16).padStart(4, '0');
  return pair + pair;
}

function checkScope({ hash }: Chunk, { modelName, worldSize, workerId, tags }: KeyScope): void {
  if (modelName === '' || modelName.includes('@')) {
    throw new KvferryError(
      'INVALID_ARGUMENT',
      `scope.modelName is not empty and has no @: ${JSON.stringify(modelName)}`,
    );
  }
  if (!Number.isSafeInteger(worldSize) || worldSize < 1 || worldSize > 0xff) {
    throw new KvferryError('INVALID_ARGUMENT', `scope.worldSize is an integer from 1 to 255, not ${worldSize}`);
  }
  if (!Number.isSafeInteger(workerId) || workerId < 0 || workerId >= worldSize) {
    throw new KvferryError(
      'INVALID_ARGUMENT',
      `scope.workerId is an integer from 0 to ${worldSize - 1}, not ${workerId}`,
    );
  }
  if (tags.length > 0) {
    throw new KvferryError('INVALID_ARGUMENT', 'scope.tags: multi-process keys have no tags; use cacheSalt');
  }
  if (!/^[0-9a-f]{64}$/.test(hash)) {
    throw new KvferryError('INVALID_ARGUMENT', `a multi-process hash is 64 hex digits, not ${JSON.stringify(hash)}`);
  }
}
