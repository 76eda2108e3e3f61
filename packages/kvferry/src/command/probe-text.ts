import { inspect } from 'node:util';
import type { ProbeFinding, ProbeReport } from '@kvferry/s3-compatible';
import pc from 'picocolors';
import { formatBytes, formatCount, formatSeconds } from '../terminal/index.ts';

/** What came out, for a person: each finding, and the profile in the two forms in which it is pasted. */
export function reportText(report: ProbeReport): string {
  const { bytes, findings, identity, requests, seconds } = report;
  const width = Math.max(...findings.map(({ subject }) => subject.length));
  return [
    `${pc.bold('Store')}: bucket ${report.bucket} at ${report.endpoint}, region ${report.region}, as: ${identity}`,
    '',
    ...findings.map(({ seen, status, subject }) => `  ${subject.padEnd(width)}  ${mark(status)}  ${seen}`),
    '',
    pc.bold('In code'),
    indented(optionsText(report)),
    '',
    pc.bold('In an LMCache file'),
    indented(configurationText(report)),
    '',
    `${formatCount(requests)} requests and ${formatBytes(bytes)} in ${formatSeconds(seconds)}. ${
      report.leftovers.length === 0
        ? 'All keys of the probe are removed.'
        : 'Not all keys of the probe could be removed.'
    }`,
  ].join('\n');
}

/** The options of `s3Compatible` for this store. */
function optionsText({ bucket, endpoint, profile, region }: ProbeReport): string {
  const options = { endpoint, bucket, region, provider: profile };
  return `s3Compatible(${inspect(options, { depth: 5, compact: 3, breakLength: 100 })})`;
}

/** The lines of an LMCache configuration for this store. LMCache itself takes what stands behind `s3://` for the host. */
function configurationText({ bucket, endpoint, profile, region }: ProbeReport): string {
  const { host } = new URL(endpoint);
  // Nothing stands in front of an IPv6 address, and LMCache takes none.
  const location = host.startsWith('[') ? bucket : `${bucket}.${host}`;
  return [
    `remote_url: ${JSON.stringify(`s3://${location}`)}`,
    'extra_config:',
    `  s3_region: ${JSON.stringify(region)}`,
    '  kvferry:',
    '    provider: generic',
    `    endpoint: ${JSON.stringify(endpoint)}`,
    `    bucket: ${JSON.stringify(bucket)}`,
    `    provider_profile: ${flow(profile)}`,
  ].join('\n');
}

function mark(status: ProbeFinding['status']): string {
  if (status === 'yes') return pc.green('yes    ');
  return status === 'no' ? pc.red('no     ') : pc.yellow('unknown');
}

/** A value in YAML, on one line, keys in snake case. */
function flow(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(flow).join(', ')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const entries = Object.entries(value)
    .filter(([, inner]) => inner !== undefined)
    .map(([key, inner]) => `${key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)}: ${flow(inner)}`);
  return `{ ${entries.join(', ')} }`;
}

function indented(text: string): string {
  return text.replace(/^/gm, '  ');
}
