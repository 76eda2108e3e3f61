import { parseEndpoint, type StoreAddress } from './endpoint.ts';
import type { S3ConnectionOptions } from './types.ts';

/** Options by which a store and its region are named. */
export interface StoreOptions {
  readonly endpoint?: string | undefined;
  readonly region?: string | undefined;
  readonly tls?: S3ConnectionOptions['tls'];
}

/**
 * The store that `endpoint` names, else `AWS_ENDPOINT_URL_S3`, else `AWS_ENDPOINT_URL`; `undefined` where none of them does. `fail` is called with what is
 * wrong, the option or variable named; `complete` may make a URL of an endpoint that is none yet.
 */
export function namedStore(
  options: StoreOptions,
  fail: (reason: string) => never,
  complete: (endpoint: string) => string = (endpoint) => endpoint,
): StoreAddress | undefined {
  const named = namedEndpoint(options.endpoint);
  if (named === undefined) return undefined;
  const store = parseEndpoint(complete(named.url), named.name);
  const { tls } = options;
  if (store.scheme === 'https' && tls === false) {
    fail(`\`tls: false\` contradicts ${named.name}, which is https: write it with http://`);
  }
  const trusts = typeof tls === 'object' && (tls.ca !== undefined || tls.caFile !== undefined);
  if (store.scheme === 'http' && trusts) {
    fail(`\`tls\` names certificates, and ${named.name} is http: write it with https://, or leave \`tls\` out`);
  }
  return store;
}

/** The region that the options name, else `AWS_REGION`, else `AWS_DEFAULT_REGION`; `undefined` without any. Calls `fail` for what is no region. */
export function namedRegion(options: StoreOptions, fail: (reason: string) => never): string | undefined {
  // An empty variable counts as none, as with every variable of AWS.
  const region = options.region ?? (process.env.AWS_REGION || process.env.AWS_DEFAULT_REGION || undefined);
  if (region === undefined) return undefined;
  if (typeof region !== 'string' || !/^[A-Za-z0-9-]{1,64}$/.test(region)) {
    fail(`\`region\` is a name such as us-east-1, not ${JSON.stringify(region)}`);
  }
  return region;
}

function namedEndpoint(endpoint: string | undefined): { readonly url: string; readonly name: string } | undefined {
  if (endpoint !== undefined) return { url: endpoint, name: '`endpoint`' };
  for (const name of ['AWS_ENDPOINT_URL_S3', 'AWS_ENDPOINT_URL']) {
    const url = process.env[name];
    if (url) return { url, name };
  }
  return undefined;
}
