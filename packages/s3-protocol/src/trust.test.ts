import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, onTestFinished, test } from 'vitest';
import { startStore } from './testing/store.ts';

const PROGRAM = fileURLToPath(new URL('testing/list-and-delete.ts', import.meta.url));

test('lists and bulk deletes trust what the system trusts, as reads and writes do', async ({ skip }) => {
  if (process.platform !== 'linux') skip('only on Linux does a variable name the certificates of the system');
  const { ca = '', credentials, port } = await startStore({ scheme: 'https' });
  const folder = await mkdtemp(join(tmpdir(), 'kvferry-trust-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  await writeFile(join(folder, 'ca.pem'), ca);
  const { accessKeyId, secretAccessKey } = credentials;
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [PROGRAM, String(port), accessKeyId, secretAccessKey],
    { env: { ...process.env, AWS_CA_BUNDLE: '', SSL_CERT_FILE: join(folder, 'ca.pem') } },
  );
  expect(stdout).toBe('stored k deleted deleted');
});
