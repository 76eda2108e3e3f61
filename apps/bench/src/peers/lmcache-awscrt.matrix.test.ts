import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';

const script = fileURLToPath(new URL('./lmcache-awscrt.py', import.meta.url));
const python = process.env.KVFERRY_PYTHON || 'python3';

/** A runtime whose requests are never answered. It says when it has one. */
const silent = {
  '__init__.py': '__version__ = "0"\n',
  'auth.py': 'class AwsCredentialsProvider:\n    new_static = staticmethod(lambda *_: None)\n',
  'http.py': 'HttpRequest = HttpHeaders = lambda *_: None\n',
  'io.py': 'EventLoopGroup = ClientBootstrap = DefaultHostResolver = lambda *_: None\n',
  's3.py': [
    'class S3RequestTlsMode:\n    DISABLED = None',
    'class S3RequestType:\n    GET_OBJECT = None',
    'S3Client = lambda **_: None',
    'S3Request = lambda **_: print(\'"asked"\', flush=True)\n',
  ].join('\n'),
};

const { status } = spawnSync(python, ['--version']);
if (status !== 0) console.warn(`The process of Python is skipped: ${python} does not run here`);

test.skipIf(status !== 0)(
  'the process of Python ends with the one that has started it, also in a read that never comes back',
  async () => {
    const folder = await mkdtemp(join(tmpdir(), 'kvferry-bench-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    await mkdir(join(folder, 'awscrt'));
    for (const [file, code] of Object.entries(silent)) await writeFile(join(folder, 'awscrt', file), code);
    const env = { ...process.env, PYTHONPATH: folder, PYTHONDONTWRITEBYTECODE: '1' };
    const child = spawn(python, [script], { env, stdio: ['pipe', 'pipe', 'inherit'] });
    onTestFinished(() => void child.kill('SIGKILL'));
    const ended = once(child, 'close');
    const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    const store = { endpoint: 'http://127.0.0.1:1', addressing: 'path', bucket: 'b', region: 'r', credentials: {} };
    const credentials = { accessKeyId: 'somebody', secretAccessKey: 'secret' };
    const setup = { store: { ...store, credentials }, keys: ['key'], objectBytes: 1, concurrency: 1, ioThreads: 1 };
    child.stdin.write(`${JSON.stringify({ do: 'open', ...setup, preferHttp2: true })}\n`);
    expect((await answers.next()).value).toBe('{"status": "open", "version": "0"}');
    child.stdin.write(`${JSON.stringify({ do: 'prove', objects: 1 })}\n`);
    expect((await answers.next()).value).toBe('"asked"');
    child.stdin.end();
    expect(await ended).toEqual([0, null]);
  },
);
