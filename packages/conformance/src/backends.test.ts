import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileBackend, memoryBackend, naiveSerde } from '@kvferry/core';
import { describeRemoteBackend, describeSerde } from './vitest.ts';

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
