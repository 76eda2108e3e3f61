import { execFile } from 'node:child_process';
import { globSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { startSimulator } from '@kvferry/s3-simulator';
import { describe, expect, test } from 'vitest';

// Documentation runs. Every ```ts block is a standalone ES module, run by this Node in the folder of its package (so that
// it imports what a user imports; outside of packages, in this app's), against a simulator that the environment names.
// A ```text block right behind it is what it prints, `…` standing for anything. ```ts no-run is left alone.

const root = join(import.meta.dirname, '../../..');
const files = globSync(['README.md', 'docs/**/*.md', 'packages/*/README.md'], { cwd: root }).sort();
const examples = files.flatMap((file) => examplesIn(file, readFileSync(join(root, file), 'utf8')));

describe('examples of the documentation run', () => {
  test.for(examples)('$where', async ({ code, folder, prints }) => {
    await using simulator = await simulatorFor('my-bucket', 'my-bucket--use1-az4--x-s3');
    const outcome = await runModule(code, folder, simulator.environment);
    expect(outcome).toMatchObject({ exitCode: 0 });
    if (prints !== undefined) expect(outcome.stdout.trimEnd()).toMatch(prints);
  });

  test('there are some', () => {
    expect(examples.length).toBeGreaterThan(0);
  });
});

describe('who installs what a document says', () => {
  test.for(files.filter((file) => file.endsWith('README.md')))('has all that the examples of %s import', (file) => {
    const markdown = readFileSync(join(root, file), 'utf8');
    const installed = [...markdown.matchAll(/npm install ([^\n`]*)/g)].flatMap(([, line = '']) => line.split(/[ ;]+/));
    const imported = examplesIn(file, markdown).flatMap(({ code }) =>
      [...code.matchAll(/ from '((?:@[^/']+\/)?[^/'.:]+)['/]/g)].map(([, name]) => name),
    );
    expect(installed).toEqual(expect.arrayContaining(imported));
  });

  test.for(globSync(['packages/*/package.json', 'apps/bench/package.json'], { cwd: root }))(
    'knows of %s which Node it needs',
    (file) => {
      const { engines } = JSON.parse(readFileSync(join(root, file), 'utf8'));
      const readme = readFileSync(join(root, dirname(file), 'README.md'), 'utf8');
      expect(readme).toContain(`Node ${engines.node.replace('>=', '')} or newer`);
    },
  );
});

interface Example {
  /** `README.md:12`. */
  readonly where: string;
  readonly folder: string;
  readonly code: string;
  readonly prints: RegExp | undefined;
}

function examplesIn(file: string, markdown: string): Example[] {
  const folder = file.startsWith('packages/') ? dirname(file) : 'apps/bench';
  const fence = /^```(?<info>[^\n`]*)\n(?<body>.*?)^```[ \t]*$/gms;
  const found: Example[] = [];
  const blocks = [...markdown.matchAll(fence)];
  for (const [index, block] of blocks.entries()) {
    if (block.groups?.info?.trim() !== 'ts') continue;
    const next = blocks[index + 1];
    const between = next && markdown.slice(block.index + block[0].length, next.index).trim();
    found.push({
      where: `${file}:${markdown.slice(0, block.index).split('\n').length}`,
      folder: join(root, folder),
      code: block.groups.body ?? '',
      prints: between === '' && next?.groups?.info?.trim() === 'text' ? toPattern(next.groups.body ?? '') : undefined,
    });
  }
  return found;
}

function toPattern(text: string): RegExp {
  const parts = text
    .trimEnd()
    .split('…')
    .map((part) => part.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&'));
  return new RegExp(`^${parts.join('[^]*')}$`);
}

async function simulatorFor(...buckets: string[]) {
  const simulator = await startSimulator({ buckets });
  const { accessKeyId, secretAccessKey } = simulator.credentials;
  return {
    environment: {
      AWS_ENDPOINT_URL_S3: simulator.url,
      AWS_ACCESS_KEY_ID: accessKeyId,
      AWS_SECRET_ACCESS_KEY: secretAccessKey,
      AWS_REGION: simulator.region,
      AWS_EC2_METADATA_DISABLED: 'true',
    },
    [Symbol.asyncDispose]: () => simulator.close(),
  };
}

interface Outcome {
  readonly exitCode: number | string | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** By standard input: the module gets the folder's imports without lying in it. */
async function runModule(
  code: string,
  folder: string,
  environment: Readonly<Record<string, string>>,
): Promise<Outcome> {
  // Nothing of the caller's own AWS settings: no profile, no configuration file in HOME.
  const env = { PATH: process.env.PATH, HOME: tmpdir(), ...environment };
  return await new Promise((resolve) => {
    const options = { cwd: folder, env, timeout: 20_000 };
    const child = execFile(
      process.execPath,
      ['--input-type=module-typescript', '-'],
      options,
      (error, stdout, stderr) =>
        resolve({ exitCode: error === null ? 0 : (error.code ?? error.signal ?? 'ended'), stdout, stderr }),
    );
    child.stdin?.end(code);
  });
}
