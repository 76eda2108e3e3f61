import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileBackend, kv1KeyFormat, memoryBackend, naiveSerde } from '@kvferry/core';
import { describeKeyFormat, describeRemoteBackend, describeSerde } from './vitest.ts';

const { capabilities } = memoryBackend();

describeRemoteBackend('memory', { capabilities, createTarget: () => ({ create: memoryBackend }) });

describeRemoteBackend('file', {
  capabilities: fileBackend({ path: tmpdir() }).capabilities,
  createTarget: () => {
    const path = mkdtempSync(join(tmpdir(), 'kvferry-conformance-'));
    return {
      create: () => fileBackend({ path }),
      close: async () => rmSync(path, { recursive: true }),
    };
  },
});

describeSerde('naive serde', naiveSerde);

describeKeyFormat(
  'kv1 keys',
  kv1KeyFormat({
    layout: { format: 'KV_2LTD', layers: 32, kvHeads: 8, headSize: 128, chunkTokens: 256 },
    hash: { name: 'sha256_cbor', seed: '0' },
  }),
);
