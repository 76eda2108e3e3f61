import { getCACertificates } from 'node:tls';

/** Authorities that are trusted where no others are named, as the wire has them: Node's own and those of the system. In PEM. */
export function usualTrust(): string[] {
  return [...new Set([...getCACertificates('default'), ...getCACertificates('system')])];
}
