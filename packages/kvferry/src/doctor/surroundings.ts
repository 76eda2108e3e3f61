import { remoteTarget } from '@kvferry/lmcache';
import type { FirstLook, S3Endpoint } from '@kvferry/s3-protocol';
import type { LoadedConfig } from '../load-config.ts';
import { type Check, ok, problem, unknown, warning } from './check.ts';
import { configLine } from './config-line.ts';
import type { MachineRegion } from './machine-region.ts';

/** S3 takes 15 minutes, some stores 5; kvferry corrects itself, and LMCache does not. */
const MOST_SKEW_MS = 5 * 60_000;
const SKEW_WORTH_TELLING_MS = 60_000;

export function clockCheck(look: FirstLook | undefined): Check {
  if (look?.clockOffsetMs === undefined) return unknown('clock', 'the store gave no date');
  const { clockOffsetMs } = look;
  const seconds = Math.round(Math.abs(clockOffsetMs) / 1000);
  const side = clockOffsetMs > 0 ? 'behind' : 'ahead of';
  const found = seconds < 2 ? "as the store's" : `this machine's is ${duration(seconds)} ${side} the store's`;
  const fix = "this machine's clock: turn on NTP";
  if (seconds * 1000 > MOST_SKEW_MS) {
    return problem('clock', `${found}: stores refuse signatures that are more than 5 or 15 minutes off`, fix);
  }
  return seconds * 1000 > SKEW_WORTH_TELLING_MS ? warning('clock', found, fix) : ok('clock', found);
}

function duration(seconds: number): string {
  if (seconds < 120) return `${seconds} s`;
  return seconds < 7200 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 3600)} h`;
}

/** Certificates that are renewed by themselves are renewed before that; the shortest in use last six days. */
const SHORT_MS = 2 * 86_400_000;

export function certificateCheck({ scheme }: S3Endpoint, look: FirstLook | undefined, loaded: LoadedConfig): Check {
  if (scheme === 'http') return ok('certificate', 'none: plain http');
  if (look?.certificate === undefined) return unknown('certificate', 'the store showed none');
  const { issuer, problem: distrust, subject, validUntilMs } = look.certificate;
  const whose = `${subject}, issued by ${issuer}, valid until ${new Date(validUntilMs).toISOString().slice(0, 10)}`;
  if (distrust !== undefined) {
    const isUnknownAuthority = distrust.includes('is not trusted');
    const line = configLine(loaded, 'extra_config.kvferry.ca_file', '"<file of its authority, PEM>"');
    return problem('certificate', `${whose}: ${distrust}`, isUnknownAuthority ? line : null);
  }
  return validUntilMs - Date.now() < SHORT_MS
    ? warning('certificate', `trusted: ${whose}`, 'renew the certificate')
    : ok('certificate', `trusted: ${whose}`);
}

/** `told`: the region that the store names. `isTaken`: requests that are signed for the configuration's are taken. */
export function regionCheck(
  { bucket, region }: S3Endpoint,
  told: string | undefined,
  isTaken: boolean,
  loaded: LoadedConfig,
): Check {
  if (told === region) return ok('region', `${region}, as the store says too`);
  if (told === undefined) {
    const signed = `requests are signed for ${region}`;
    return isTaken
      ? ok('region', `${signed}, and the store takes them; it does not say where the bucket is`)
      : unknown('region', `${signed}; the store did not say where the bucket is`);
  }
  const found = `the bucket ${bucket} is in ${told}, and requests are signed for ${region}`;
  const fix = configLine(loaded, 'extra_config.s3_region', JSON.stringify(told));
  return isTaken ? warning('region', found, fix) : problem('region', found, fix);
}

/** Where this machine runs, beside where the bucket is. */
export function machineRegionCheck(
  { region }: S3Endpoint,
  told: string | undefined,
  machine: MachineRegion | undefined,
  { config }: LoadedConfig,
): Check {
  if (machine === undefined) return unknown('machine-region', 'this machine does not say where it runs');
  const where = `this machine is in ${machine.region}, says ${machine.source}`;
  if (remoteTarget(config).kind === 's3-compatible') {
    return ok('machine-region', `${where}; the store's regions are its own`);
  }
  const bucketRegion = told ?? region;
  if (machine.region === bucketRegion) return ok('machine-region', where);
  return warning(
    'machine-region',
    `${where}, and the bucket in ${bucketRegion}: every byte crosses regions, which is slow and billed`,
    `a bucket in ${machine.region}, or engines in ${bucketRegion}`,
  );
}
