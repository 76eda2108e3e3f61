const VARIABLES = ['HTTP_PROXY', 'HTTPS_PROXY', 'ALL_PROXY', 'http_proxy', 'https_proxy', 'all_proxy'];

let warned = false;

/**
 * Warns, once per process, that proxy variables which are set are not followed: data takes the straight way to the
 * store.
 */
export function warnOfProxies(): void {
  if (warned) return;
  const set = VARIABLES.filter((name) => process.env[name]);
  if (set.length === 0) return;
  warned = true;
  process.emitWarning(
    `${set.join(', ')} ${set.length === 1 ? 'is' : 'are'} set and not followed: kvferry connects to the store directly`,
    {
      type: 'KvferryWarning',
      code: 'KVFERRY_PROXY_IGNORED',
    },
  );
}
