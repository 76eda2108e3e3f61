#!/usr/bin/env node
/** The simulator as a command: a process of its own for demos and benchmarks. */

import { parseArgs } from 'node:util';
import { startSimulator } from './simulator.ts';
import type { Simulator, SimulatorOptions } from './types.ts';

const HELP = `kvferry-s3-simulator: an S3 server in one process, on 127.0.0.1.

  --port N               TCP port. Default: any free one
  --https                With a throw-away certificate, whose authority is printed
  --http2                With --https: HTTP/2 too, for clients that want it
  --host NAME            Name that is answered for, also as <bucket>.NAME. Repeatable. Default: s3.localhost
  --bucket NAME          Bucket that exists from the start. Repeatable. Default: my-bucket
                         One such as my-bucket--use1-az4--x-s3 is a directory bucket of S3 Express One Zone
  --region NAME          Region that signatures must name; * takes any. Default: us-east-1
  --access-key ID        Default: kvferry-simulator
  --secret-key SECRET    Default: kvferry-simulator-secret
  --memory-bytes N       Bytes of objects kept in memory; what is more goes to a temporary folder. Default: 4 GiB,
                         or half of the free memory where that is less
  --etag crc|md5         How entity tags are made; md5 as S3 does, for more CPU. Default: crc
  --json                 Prints one line of JSON when ready: url, port, ca, accessKeyId, secretAccessKey, region, hosts
  --exit-with-stdin      Ends when standard input does: a parent that dies takes the simulator along
  --help

Example:

  kvferry-s3-simulator --port 9000 --bucket my-bucket
`;

const OPTIONS = {
  port: { type: 'string' },
  https: { type: 'boolean' },
  http2: { type: 'boolean' },
  host: { type: 'string', multiple: true },
  bucket: { type: 'string', multiple: true },
  region: { type: 'string' },
  'access-key': { type: 'string' },
  'secret-key': { type: 'string' },
  'memory-bytes': { type: 'string' },
  etag: { type: 'string' },
  json: { type: 'boolean' },
  'exit-with-stdin': { type: 'boolean' },
  help: { type: 'boolean' },
} as const;

// Nobody reads what is said, or there is no room for it. A pipe that was closed on purpose is nothing to complain of.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') process.stderr.write(`kvferry-s3-simulator: standard output: ${error.message}\n`);
  process.exitCode = 1;
});

try {
  await main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`kvferry-s3-simulator: ${error instanceof Error ? error.message : error}\n`);
  process.exitCode = 1;
}

async function main(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({ args: [...args], options: OPTIONS });
  if (values.help) {
    process.stdout.write(HELP);
    return;
  }
  const accessKeyId = values['access-key'] ?? 'kvferry-simulator';
  const secretAccessKey = values['secret-key'] ?? 'kvferry-simulator-secret';
  const hosts = values.host ?? ['s3.localhost'];
  const buckets = values.bucket ?? ['my-bucket'];
  const simulator = await startSimulator({
    port: wholeNumber('--port', values.port),
    scheme: values.https ? 'https' : 'http',
    http2: values.http2 ? 'offered' : 'never',
    hosts,
    region: values.region,
    credentials: [{ accessKeyId, secretAccessKey }],
    buckets,
    memoryBytes: wholeNumber('--memory-bytes', values['memory-bytes']),
    etag: etagOf(values.etag),
  });
  endWith(simulator, values['exit-with-stdin'] ?? false);

  const { url, port, ca, region } = simulator;
  if (values.json) {
    process.stdout.write(`${JSON.stringify({ url, port, ca, accessKeyId, secretAccessKey, region, hosts })}\n`);
  } else {
    process.stdout.write(readyText(simulator, buckets, hosts));
  }
}

function readyText(simulator: Simulator, buckets: readonly string[], hosts: readonly string[]): string {
  const { url, ca, credentials } = simulator;
  const region = simulator.region === '*' ? 'us-east-1' : simulator.region;
  const bucket = buckets[0] ?? 'my-bucket';
  return `S3 simulator at ${url} (also by host name: ${hosts.map((host) => `<bucket>.${host}`).join(', ')})
Buckets: ${buckets.join(', ')}. Ctrl-C ends it; nothing is kept.

  export AWS_ENDPOINT_URL_S3=${url}
  export AWS_ACCESS_KEY_ID=${credentials.accessKeyId}
  export AWS_SECRET_ACCESS_KEY=${credentials.secretAccessKey}
  export AWS_REGION=${region}
  aws s3 cp README.md s3://${bucket}/
  aws s3 ls s3://${bucket}/
${ca === undefined ? '' : `\nThe authority of its certificate; save it, and name the file in AWS_CA_BUNDLE:\n${ca}`}`;
}

function endWith(simulator: Simulator, withStdin: boolean): void {
  let ending = false;
  const end = (): void => {
    // A second signal does not wait for anything.
    if (ending) process.exit(1);
    ending = true;
    void simulator.close().then(() => process.exit());
  };
  const endUnlessEnding = (): void => {
    if (!ending) end();
  };
  process.on('SIGINT', end);
  process.on('SIGTERM', end);
  // A closed terminal: its shell passes on what the system has sent to all.
  process.on('SIGHUP', endUnlessEnding);
  process.stdout.once('error', endUnlessEnding);
  if (withStdin) {
    // A file, /dev/null among them, ends and never closes; a broken pipe closes and never ends.
    process.stdin.once('end', endUnlessEnding).once('close', endUnlessEnding);
    process.stdin.resume();
  }
}

function wholeNumber(flag: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (!/^\d+$/.test(text)) throw new Error(`${flag} takes a whole number, not ${text}.`);
  return Number(text);
}

function etagOf(text: string | undefined): SimulatorOptions['etag'] {
  if (text === undefined || text === 'crc' || text === 'md5') return text;
  throw new Error(`--etag takes crc or md5, not ${text}.`);
}
