import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { KvferryError, nearestName } from '@kvferry/core';
import { MAX_PART_BYTES, MIN_PART_BYTES } from './part-plan.ts';
import type { CredentialSource, S3ConnectionOptions } from './types.ts';

const CONNECTION_FIELDS = [
  'bucket',
  'credentials',
  'tls',
  'connectTo',
  'maxRequestsInFlight',
  'ioThreads',
  'http2',
  'timeouts',
  'maxAttempts',
  'verify',
  'multipart',
  'payloadSigning',
] as const satisfies readonly (keyof S3ConnectionOptions)[];

/**
 * Checks the options that every S3 backend takes, and that there are no others than these and `ownFields`. `factory` is
 * the name in messages.
 *
 * Throws CONFIG_INVALID naming the field, with the nearest known name for one that is unknown.
 */
export function checkConnectionOptions(
  options: S3ConnectionOptions,
  factory: string,
  ownFields: readonly string[],
): void {
  const fail: Fail = (reason) => {
    throw new KvferryError('CONFIG_INVALID', `${factory}: ${reason}`);
  };
  if (typeof options !== 'object' || options === null) fail('takes an object of options');
  checkFields(options, [...CONNECTION_FIELDS, ...ownFields], '', fail);

  if (typeof options.bucket !== 'string' || options.bucket === '') fail('`bucket` is required');
  checkCredentials(options.credentials, fail);
  const { tls, connectTo, timeouts } = options;
  if (tls !== undefined && tls !== false) {
    if (typeof tls !== 'object' || tls === null) fail('`tls` is false, or an object with `ca` or `caFile`');
    checkFields(tls, ['ca', 'caFile'], 'tls.', fail);
    if (tls.ca !== undefined && tls.caFile !== undefined) fail('`tls.ca` and `tls.caFile` exclude each other');
  }
  if (connectTo !== undefined) {
    checkFields(connectTo, ['host', 'port'], 'connectTo.', fail);
    if (typeof connectTo.host !== 'string' || connectTo.host === '') fail('`connectTo.host` is a name or an address');
    if (!Number.isInteger(connectTo.port) || connectTo.port < 1 || connectTo.port > 65_535) {
      fail('`connectTo.port` is a port, 1 to 65535');
    }
  }
  checkCount(options.maxRequestsInFlight, 'maxRequestsInFlight', fail);
  const { ioThreads } = options;
  if (ioThreads !== undefined && !(Number.isInteger(ioThreads) && ioThreads >= 0 && ioThreads <= 1024)) {
    fail(`\`ioThreads\` is a whole number from 0 to 1024, not ${JSON.stringify(ioThreads)}`);
  }
  checkCount(options.maxAttempts, 'maxAttempts', fail);
  if (timeouts !== undefined) {
    checkFields(timeouts, ['connectMs', 'firstByteMs', 'stallMs'], 'timeouts.', fail);
    for (const name of ['connectMs', 'firstByteMs', 'stallMs'] as const) {
      checkCount(timeouts[name], `timeouts.${name}`, fail);
    }
  }
  checkChoice(options.http2, 'http2', ['prefer', 'never'], fail);
  checkChoice(options.verify, 'verify', ['fast', 'full', 'length'], fail);
  checkMultipart(options.multipart, fail);
  checkChoice(options.payloadSigning, 'payloadSigning', ['unsigned', 'sha256'], fail);
}

/**
 * The certificates to trust in place of the system's, in PEM; `undefined` for the system's. Rejects with CONFIG_INVALID
 * for a file that cannot be read.
 */
export async function resolveCa(options: S3ConnectionOptions): Promise<string | undefined> {
  const { tls } = options;
  if (tls === false) return undefined;
  if (tls?.ca !== undefined) return tls.ca;
  const fromOption = tls?.caFile;
  // An empty variable counts as none, as with every variable of AWS.
  const file = fromOption ?? (process.env.AWS_CA_BUNDLE || undefined);
  if (file === undefined) return undefined;
  const name = fromOption === undefined ? 'AWS_CA_BUNDLE' : 'tls.caFile';
  let pem: string;
  try {
    pem = await readFile(file, 'utf8');
  } catch (cause) {
    throw new KvferryError('CONFIG_INVALID', `${name}: ${file} cannot be read (${codeOf(cause)})`, { cause });
  }
  try {
    new X509Certificate(pem);
  } catch (cause) {
    throw new KvferryError('CONFIG_INVALID', `${name}: ${file} holds no PEM certificate`, { cause });
  }
  return pem;
}

/** One choice of a closed set. Throws by `fail`. */
export function checkChoice(value: unknown, name: string, choices: readonly string[], fail: Fail): void {
  if (value === undefined || choices.includes(value as string)) return;
  fail(`\`${name}\` is ${choices.map((choice) => `'${choice}'`).join(' or ')}, not ${JSON.stringify(value)}`);
}

type Fail = (reason: string) => never;

function checkFields(value: object, known: readonly string[], prefix: string, fail: Fail): void {
  for (const name of Object.keys(value)) {
    if (known.includes(name)) continue;
    const near = nearestName(name, known);
    const hint = near === undefined ? `known are ${known.join(', ')}` : `did you mean \`${prefix}${near}\`?`;
    fail(`there is no option \`${prefix}${name}\`; ${hint}`);
  }
}

function checkCredentials(source: CredentialSource | undefined, fail: Fail): void {
  if (source === undefined || source === 'default' || source === 'anonymous') return;
  const forms =
    "`credentials` is 'default', 'anonymous', { awsProfile } or { accessKeyId, secretAccessKey, sessionToken? }";
  if (typeof source !== 'object' || source === null) fail(forms);
  if ('awsProfile' in source) {
    checkFields(source, ['awsProfile'], 'credentials.', fail);
    if (typeof source.awsProfile !== 'string' || source.awsProfile === '') fail('`credentials.awsProfile` is a name');
    return;
  }
  checkFields(source, ['accessKeyId', 'secretAccessKey', 'sessionToken'], 'credentials.', fail);
  for (const name of ['accessKeyId', 'secretAccessKey'] as const) {
    const value = source[name];
    if (typeof value !== 'string' || value === '') fail(`\`credentials.${name}\` is missing; ${forms}`);
    // A line break from a copied file would break the request; the value itself is never shown.
    if (/\s/.test(value)) fail(`\`credentials.${name}\` holds white space`);
  }
  const { sessionToken } = source;
  if (sessionToken === undefined) return;
  if (typeof sessionToken !== 'string' || sessionToken === '') {
    fail('`credentials.sessionToken` is the token of temporary keys; leave it out where there is none');
  }
  if (/\s/.test(sessionToken)) fail('`credentials.sessionToken` holds white space');
}

function checkMultipart(multipart: S3ConnectionOptions['multipart'], fail: Fail): void {
  if (multipart === undefined) return;
  if (typeof multipart !== 'object' || multipart === null) {
    fail('`multipart` is an object with `thresholdBytes` or `partBytes`');
  }
  checkFields(multipart, ['thresholdBytes', 'partBytes'], 'multipart.', fail);
  checkCount(multipart.thresholdBytes, 'multipart.thresholdBytes', fail);
  const { partBytes } = multipart;
  checkCount(partBytes, 'multipart.partBytes', fail);
  if (partBytes !== undefined && (partBytes < MIN_PART_BYTES || partBytes > MAX_PART_BYTES)) {
    fail(`\`multipart.partBytes\` is from ${MIN_PART_BYTES} to ${MAX_PART_BYTES} (5 MiB to 5 GiB), not ${partBytes}`);
  }
}

function checkCount(value: unknown, name: string, fail: Fail): void {
  if (value !== undefined && !(Number.isInteger(value) && (value as number) >= 1)) {
    fail(`\`${name}\` is a whole number of at least 1, not ${JSON.stringify(value)}`);
  }
}

function codeOf(thrown: unknown): string {
  return (thrown as NodeJS.ErrnoException).code ?? String(thrown);
}
