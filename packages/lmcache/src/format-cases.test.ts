import { describeChunker, describeKeyFormat } from '@kvferry/conformance/vitest';
import { lmcacheChunker } from './hash/chunker.ts';
import { multiProcessChunker } from './hash/multi-process.ts';
import { lmcacheKeyFormat } from './keys/in-process.ts';
import { multiProcessKeyFormat } from './keys/multi-process.ts';
import { sha256 } from './testing/hash-settings.ts';

for (const algorithm of ['sha256_cbor', 'builtin']) {
  const hash = { ...sha256, algorithm };
  describeChunker(algorithm, { chunker: lmcacheChunker({ chunkTokens: 16, hash }), tail: 'dropped' });
}
describeChunker('sha256_cbor of 0.4.1', {
  chunker: lmcacheChunker({ chunkTokens: 16, keepUnfull: true, hash: { ...sha256, era: '0.4.1' } }),
  tail: 'kept',
});
describeChunker('blake3', { chunker: await multiProcessChunker({ chunkTokens: 16 }), tail: 'dropped' });

describeKeyFormat('in-process keys', lmcacheKeyFormat);
describeKeyFormat('multi-process keys', multiProcessKeyFormat({ objectGroupId: 0, cacheSalt: '' }));
