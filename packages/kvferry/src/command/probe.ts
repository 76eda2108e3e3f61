import { probe } from '@kvferry/s3-compatible';
import type { CredentialSource } from '@kvferry/s3-protocol';
import { Command, InvalidArgumentError, Option } from 'commander';
import pc from 'picocolors';
import { EXIT } from './exit-code.ts';
import { type CommandIo, say } from './io.ts';
import { reportText } from './probe-text.ts';
import type { Subcommand } from './subcommand.ts';

interface Flags {
  readonly endpoint: string | undefined;
  readonly bucket: string;
  readonly region: string | undefined;
  readonly addressing: 'virtual' | 'path' | undefined;
  readonly caFile: string | undefined;
  readonly profile: string | undefined;
  readonly maxSeconds: number | undefined;
  readonly json: true | undefined;
}

/** `kvferry probe`: what an S3-compatible store does, found out by trying, and a profile of it to paste. */
export function probeCommand(): Subcommand {
  const command = new Command('probe')
    .description('Finds out by trying what an S3-compatible store does, and prints a profile of it to paste.')
    .option('--endpoint <url>', 'URL of the store, without bucket (default: AWS_ENDPOINT_URL_S3)')
    .requiredOption(
      '--bucket <name>',
      'a bucket that exists; the probe stays under a prefix of its own, and removes it',
    )
    .option('--region <name>', "region to sign for (default: the store's only one, AWS_REGION)")
    .addOption(new Option('--addressing <way>', 'try this way alone').choices(['virtual', 'path']))
    .option('--ca-file <file>', "PEM certificates to trust in place of the system's (default: AWS_CA_BUNDLE)")
    .option(
      '--profile <name>',
      'profile of the shared AWS files to take credentials from (default: the usual chain of AWS)',
    )
    .option('--max-seconds <n>', 'what is not found out by then stays unknown (default: 120)', readSeconds)
    .option('--json', 'print the result as one JSON document')
    .addHelpText(
      'after',
      `
It writes some 20 small keys and one or two values of 5 MiB, all under kvferry-probe-<random>/, reads them, and removes them
again, also after Ctrl-C. It touches no other key.

Example:
  kvferry probe --endpoint https://s3.example.com --bucket my-bucket --region us-east-1`,
    );
  return { command, run: (flags, io) => run(flags as Flags, io) };
}

async function run(flags: Flags, io: CommandIo): Promise<number> {
  const { addressing, bucket, caFile, endpoint, maxSeconds, profile, region } = flags;
  const credentials: CredentialSource = profile === undefined ? 'default' : { awsProfile: profile };
  const report = await probe(
    {
      endpoint,
      bucket,
      region,
      addressing,
      credentials,
      ...(caFile === undefined ? {} : { tls: { caFile } }),
      ...(maxSeconds === undefined ? {} : { maxMs: maxSeconds * 1000 }),
    },
    { signal: io.signal },
  );
  for (const leftover of report.leftovers) say(io.stderr, pc.red(`May still be there: ${leftover}`));
  say(io.stdout, flags.json === true ? JSON.stringify(report, null, 2) : reportText(report));
  return report.leftovers.length === 0 ? EXIT.done : EXIT.failed;
}

function readSeconds(text: string): number {
  if (!/^[1-9]\d{0,4}$/.test(text)) throw new InvalidArgumentError('write a number of seconds of at least 1.');
  return Number(text);
}
