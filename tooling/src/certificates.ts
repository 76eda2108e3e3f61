import { isIP } from 'node:net';
import { generate } from 'selfsigned';

/** A certificate authority, and a server certificate that it signed. PEM texts; the authority's own key is gone. */
export interface ThrowAwayAuthority {
  /** What a client has to trust. */
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

/** Makes an authority and a server certificate for `hosts` (names, `*.` names, IP addresses), valid from yesterday for a week. */
export async function throwAwayAuthority(options: { readonly hosts: readonly string[] }): Promise<ThrowAwayAuthority> {
  const dayMs = 24 * 60 * 60_000;
  const common = {
    keyType: 'ec',
    curve: 'P-256',
    algorithm: 'sha256',
    // Yesterday: the clock of a container may be behind ours.
    notBeforeDate: new Date(Date.now() - dayMs),
    notAfterDate: new Date(Date.now() + 7 * dayMs),
  } as const;
  const authority = await generate([{ name: 'commonName', value: 'kvferry tests' }], {
    ...common,
    extensions: [
      { name: 'basicConstraints', cA: true, critical: true },
      { name: 'keyUsage', keyCertSign: true, critical: true },
    ],
  });
  const server = await generate([{ name: 'commonName', value: options.hosts[0] ?? 'localhost' }], {
    ...common,
    ca: { key: authority.private, cert: authority.cert },
    extensions: [
      { name: 'basicConstraints', cA: false, critical: true },
      { name: 'keyUsage', digitalSignature: true, critical: true },
      { name: 'extKeyUsage', serverAuth: true },
      {
        name: 'subjectAltName',
        altNames: options.hosts.map((host) => (isIP(host) ? { type: 7, ip: host } : { type: 2, value: host })),
      },
    ],
  });
  return { ca: authority.cert, cert: server.cert, key: server.private };
}
