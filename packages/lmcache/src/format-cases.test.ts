import { describeChunker, describeKeyFormat } from '@kvferry/conformance/vitest';
import { lmcacheChunker } from './hash/chunker.ts';
import { multiProcessChunker } from './hash/multi-process.ts';
import { lmcacheKeyFormat } from './keys/in-process.ts';
import { multiProcessKeyFormat } from './keys/multi-process.ts';
import type { HashSettings } from './types.ts';

const settings: HashSettings = {
  algorithm: 'sha256_cbor',
  vllm: true,
  pythonHashSeed: '0',
  python: 'from-3.11',
  era: 'current',
};

for (const algorithm of ['sha256_cbor', 'builtin']) {
  const hash = { ...settings, algorithm };
  describeChunker(algorithm, { chunker: lmcacheChunker({ chunkTokens: 16, hash }), tail: 'dropped' });
}
describeChunker('sha256_cbor of 0.4.1', {
  chunker: lmcacheChunker({ chunkTokens: 16, keepUnfull: true, hash: { ...settings, era: '0.4.1' } }),
  tail: 'kept',
});
describeChunker('blake3', { chunker: await multiProcessChunker({ chunkTokens: 16 }), tail: 'dropped' });

describeKeyFormat('in-process keys', lmcacheKeyFormat);
describeKeyFormat('multi-process keys', multiProcessKeyFormat({ objectGroupId: 0, cacheSalt: '' }));
