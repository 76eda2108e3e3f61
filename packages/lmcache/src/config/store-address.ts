import type { KvferryExtension, RemoteTarget } from '../types.ts';
import { awsDomain, directoryBucketZone, isIpAddress, readStoreHost, type StoreHost } from './store-host.ts';

/** What an address is decided from. */
export interface AddressInput {
  readonly remoteUrl: string;
  readonly region: string | undefined;
  readonly disableTls: boolean;
  readonly kvferry: KvferryExtension;
}

/** Where a remote lies, with what the checks want to know of it, or why that cannot be said. */
export type AddressDecision =
  | {
      readonly status: 'decided';
      readonly target: Exclude<RemoteTarget, { kind: 'none' }>;
      /** The host that decided; `undefined` for other schemes than `s3`. */
      readonly host: StoreHost | undefined;
      /** `remote_url` is a bucket's name alone, which LMCache takes for a host. */
      readonly bare: boolean;
    }
  | {
      readonly status: 'refused';
      /** The key at fault. */
      readonly key: 'remote_url' | 'extra_config.s3_region' | 'extra_config.kvferry.endpoint';
      readonly problem: string;
      readonly fix: string;
    };

/** Decides where `remote_url` and the map `extra_config.kvferry` lead. Opens nothing, resolves nothing. */
export function decideAddress(input: AddressInput): AddressDecision {
  const { remoteUrl } = input;
  if (remoteUrl.startsWith('s3://')) return decideS3Address(input, remoteUrl.slice('s3://'.length));
  if (remoteUrl.startsWith('file://')) return decideFolder(remoteUrl.slice('file://'.length));
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//.exec(remoteUrl)?.[1];
  if (scheme !== undefined) return forScheme(scheme, remoteUrl);
  if (/^[a-z0-9+.-]+:\/\//i.test(remoteUrl))
    return badUrl('Its scheme is not in lower case, and LMCache finds no connector for it.');
  if (remoteUrl === 'None')
    return badUrl(
      'It is the text "None" to YAML, not nothing.',
      'For no remote, leave the line away or write: remote_url: null',
    );
  return badUrl('It has no scheme, and LMCache comes up without a remote.');
}

const URL_FORM = 'Write: remote_url: "s3://<bucket>" or "s3://<bucket>.<endpoint>[:port]"';

function badUrl(problem: string, fix: string = URL_FORM): AddressDecision {
  return { status: 'refused', key: 'remote_url', problem, fix };
}

function forScheme(scheme: string, url: string): AddressDecision {
  return { status: 'decided', target: { kind: 'plugin', scheme, url }, host: undefined, bare: false };
}

/** A folder of this machine. What stands before the first slash is a host (RFC 8089), and of hosts `localhost` alone is here. */
function decideFolder(rest: string): AddressDecision {
  const path = rest.replace(/^localhost(?=\/)/i, '');
  if (/^\.{0,2}\//.test(path)) return forScheme('file', `file://${path}`);
  const form = 'Write: remote_url: "file:///<folder>", or "file://./<folder>" for one below the current folder';
  if (/^(?:localhost)?$/i.test(path)) return badUrl('It names no folder.', form);
  if (path.startsWith('~')) return badUrl('No shell reads it, so ~ is not the home folder.', form);
  return badUrl('What stands between file:// and the next slash is a host, and of hosts only localhost is here.', form);
}

/** The line of kvferry's own map that cures an address. */
function kvferryLine(line: string): string {
  return `Add: extra_config: kvferry: { ${line} }`;
}

function decideS3Address(input: AddressInput, hostAndPort: string): AddressDecision {
  const [, inFront, address] = /^([\w{}<>.-]+)\.(\[[0-9A-Fa-f:.]+\](?::\d+)?)$/.exec(hostAndPort) ?? [];
  if (inFront !== undefined) {
    return badUrl(
      'No bucket can stand in front of an IPv6 address.',
      `Write: remote_url: "s3://${inFront}" and extra_config: kvferry: { endpoint: "${input.disableTls ? 'http' : 'https'}://${address}" }`,
    );
  }
  const problem = hostProblem(hostAndPort);
  if (problem !== undefined) return badUrl(problem);
  const own = input.kvferry.endpoint === undefined ? undefined : readEndpoint(input.kvferry.endpoint);
  if (own !== undefined && 'problem' in own) {
    return {
      status: 'refused',
      key: 'extra_config.kvferry.endpoint',
      problem: own.problem,
      fix: 'Write a host or URL, such as "https://s3.example.com:9000".',
    };
  }
  if (own?.scheme === 'https' && input.disableTls) {
    return {
      status: 'refused',
      key: 'extra_config.kvferry.endpoint',
      problem: 'It says https and disable_tls says plain http.',
      fix: 'Write disable_tls: False, or an endpoint that starts with http://',
    };
  }
  const scheme = own?.scheme ?? (input.disableTls ? 'http' : 'https');
  const named = readStoreHost(hostAndPort);
  const single =
    named.provider === 'generic' &&
    named.bucket === undefined &&
    !/[:[]/.test(hostAndPort) &&
    !isIpAddress(hostAndPort);
  const bare = single || hostAndPort === input.kvferry.bucket;

  if (own !== undefined) {
    const suffix = `.${own.hostAndPort}`;
    const inUrl = bare
      ? hostAndPort
      : hostAndPort.endsWith(suffix)
        ? hostAndPort.slice(0, -suffix.length)
        : named.bucket;
    const bucket = input.kvferry.bucket ?? inUrl;
    if (bucket === undefined) return noBucket(hostAndPort);
    const host = { ...readStoreHost(own.hostAndPort), bucket };
    // The endpoint is the store, whole; only a known store's own name is told from what stands in front of it.
    const endpointHost = host.provider === 'generic' ? own.hostAndPort : host.endpointHost;
    return decided(input, { ...host, endpointHost }, bucket, scheme, bare);
  }
  if (bare) return decideBareBucket(input, input.kvferry.bucket ?? hostAndPort, scheme);
  if (input.kvferry.bucket !== undefined && named.provider === 'generic') {
    const prefix = `${input.kvferry.bucket}.`;
    const endpointHost = hostAndPort.startsWith(prefix) ? hostAndPort.slice(prefix.length) : hostAndPort;
    return decided(input, { ...named, endpointHost }, input.kvferry.bucket, scheme, false);
  }
  const bucket = input.kvferry.bucket ?? named.bucket;
  if (bucket === undefined) return noBucket(hostAndPort);
  return decided(input, named, bucket, scheme, false);
}

function decideBareBucket(input: AddressInput, bucket: string, scheme: 'http' | 'https'): AddressDecision {
  const provider = input.kvferry.provider ?? 'aws';
  if (provider !== 'aws') {
    return {
      status: 'refused',
      key: 'remote_url',
      problem: `It names a bucket and no host, and the provider ${provider} has no endpoint that follows from the region.`,
      fix: kvferryLine('endpoint: "https://<host>[:port]"'),
    };
  }
  const { region } = input;
  if (region === undefined || region === '') {
    return {
      status: 'refused',
      key: 'extra_config.s3_region',
      problem: 'It is missing, and the endpoint of a bucket is built from it.',
      fix: 'Add: extra_config: s3_region: "<region>"',
    };
  }
  const zone = directoryBucketZone(bucket);
  const service = zone === undefined ? 's3' : `s3express-${zone}`;
  const host: StoreHost = {
    provider,
    express: zone !== undefined,
    bucket,
    endpointHost: `${service}.${region}.${awsDomain(region)}`,
    region: undefined,
    zone,
  };
  return decided(input, host, bucket, scheme, true);
}

function decided(
  input: AddressInput,
  host: StoreHost,
  bucket: string,
  scheme: 'http' | 'https',
  bare: boolean,
): AddressDecision {
  const region = input.region === undefined || input.region === '' ? host.region : input.region;
  if (region === undefined) {
    return {
      status: 'refused',
      key: 'extra_config.s3_region',
      problem: 'It is missing, and every request is signed for a region.',
      fix: 'Add: extra_config: s3_region: "<region>"',
    };
  }
  const provider = input.kvferry.provider ?? host.provider;
  return {
    status: 'decided',
    target: {
      kind: host.express ? 's3-express' : provider === 'aws' ? 's3' : 's3-compatible',
      bucket,
      region,
      scheme,
      endpointHost: host.endpointHost,
      addressing: input.kvferry.addressing ?? 'auto',
      provider,
    },
    host,
    bare,
  };
}

function noBucket(hostAndPort: string): AddressDecision {
  return {
    status: 'refused',
    key: 'remote_url',
    problem: `Its host ${hostAndPort} has no bucket in front.`,
    fix: kvferryLine('bucket: "<bucket>"'),
  };
}

function hostProblem(hostAndPort: string): string | undefined {
  if (hostAndPort === '') return 'Nothing stands behind s3://.';
  if (hostAndPort.includes('://'))
    return 'A second URL stands behind s3://; LMCache sends all of it as Host, which no server accepts.';
  if (/[/?#]/.test(hostAndPort)) {
    return 'A path or slash stands behind the host; LMCache sends all of it as Host, which no server accepts.';
  }
  if (hostAndPort.includes('@')) return 'Credentials do not belong into the URL.';
  const port = /:(\d*)$/.exec(hostAndPort.replace(/\[[^\]]*\]/, ''))?.[1];
  if (port !== undefined && (port === '' || Number(port) < 1 || Number(port) > 65_535))
    return 'Its port is not 1 to 65535.';
  const host = hostAndPort.replace(/:\d*$/, '');
  if (isIpAddress(host)) return undefined;
  // Underscores and upper case are not good names, but old buckets have them; `{}` and `<>` are placeholders.
  if (!/^[A-Za-z0-9_{}<>-]+(?:\.[A-Za-z0-9_{}<>-]+)*$/.test(host)) return 'What stands behind s3:// is not a host.';
  return undefined;
}

type Endpoint =
  | { readonly scheme: 'http' | 'https' | undefined; readonly hostAndPort: string }
  | { readonly problem: string };

function readEndpoint(endpoint: string): Endpoint {
  const [, scheme, rest = ''] = /^(?:(https?):\/\/)?(.*?)\/?$/.exec(endpoint) ?? [];
  if (rest.includes('://')) return { problem: 'Its scheme is neither http nor https.' };
  const problem = hostProblem(rest)?.replace(/; LMCache.*/, '.');
  if (problem !== undefined) return { problem: problem.replaceAll('s3://', 'the scheme') };
  return { scheme: scheme as 'http' | 'https' | undefined, hostAndPort: rest };
}
