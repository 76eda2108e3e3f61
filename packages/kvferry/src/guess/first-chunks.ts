import { type Chunk, type Chunker, type Key, KvferryError } from '@kvferry/core';
import type { LmcacheConfig } from '@kvferry/lmcache';
import { chunkIdentity, type EngineMetadata } from '../chunk-identity.ts';
import { type GuessedSetting, guessSettings, settingOf, withSetting } from './settings.ts';

/** The first chunk of a sequence, as an engine of another setting names it. */
export interface GuessedChunk extends GuessedSetting {
  readonly config: LmcacheConfig;
  readonly chunker: Chunker;
  readonly chunk: Chunk;
  /** Without `key_prefix`. */
  readonly key: Key;
}

/**
 * The names that the first chunk of these tokens may have, the configuration's own first. Without the names of settings that no two processes share, and of
 * those that an engine cannot have.
 */
export async function guessFirstChunks(
  config: LmcacheConfig,
  engine: EngineMetadata,
  tokens: Uint32Array,
): Promise<GuessedChunk[]> {
  const guessed: GuessedChunk[] = [];
  const seen = new Set<Key>();
  for (const guess of guessSettings(settingOf(config, engine))) {
    if (tokens.length < guess.setting.chunkTokens) continue;
    try {
      const changed = withSetting(config, guess.setting);
      const { chunker, keyFormat, scope } = await chunkIdentity(changed, engine);
      const [chunk] = chunker.chunk(tokens.subarray(0, guess.setting.chunkTokens));
      if (chunk === undefined) continue;
      const key = keyFormat.key(chunk, scope);
      if (seen.has(key)) continue;
      seen.add(key);
      guessed.push({ ...guess, config: changed, chunker, chunk, key });
    } catch (thrown) {
      // Random hashes, tags where the form has no place for them, and the like: no such names.
      if (!KvferryError.is(thrown)) throw thrown;
    }
  }
  return guessed;
}
