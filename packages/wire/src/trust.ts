import { getCACertificates } from 'node:tls';

/**
 * Authorities that are trusted where no others are named, in PEM: Node's own and those of the system. `undefined` where the system has no others: then
 * Node's ready-made store serves, which is parsed only once per process.
 */
export function usualTrust(): string[] | undefined {
  const trusted = new Set(getCACertificates('default'));
  const ownRoots = trusted.size;
  for (const certificate of getCACertificates('system')) trusted.add(certificate);
  return trusted.size === ownRoots ? undefined : [...trusted];
}
