import { fileURLToPath } from 'node:url';
import { Worker } from '../shared/worker.ts';
import type { S3Access } from '../stores/types.ts';
import { LMCACHE_CLIENT, type PeerClient } from './names.ts';

/** Starts the process of a client. */
export function startClient(client: PeerClient): Worker {
  if (client !== LMCACHE_CLIENT) return Worker.ofModule(client, beside('client.ts', 'client.js'));
  // An empty variable counts as none.
  const python = process.env.KVFERRY_PYTHON || 'python3';
  return Worker.ofProgram(client, python, [fileURLToPath(beside('lmcache-awscrt.py', 'lmcache-awscrt.py'))]);
}

/** Why a client cannot read from such a store, whether it installs or not; `undefined`: it can. */
export function unableTo(client: PeerClient, { isExpress }: S3Access): string | undefined {
  if (!isExpress || client === 'kvferry' || client === '@aws-sdk/client-s3') return undefined;
  return 'it makes no sessions, and a directory bucket of S3 Express wants one';
}

/** A file of this folder. What is published is bundled into one folder above. */
function beside(source: string, built: string): URL {
  return new URL(import.meta.url.endsWith('.ts') ? `./${source}` : `./peers/${built}`, import.meta.url);
}
