/** A throw-away authority and a server certificate that it signed. */

import { isIP } from 'node:net';

type SubjectAltName = { readonly type: 7; readonly ip: string } | { readonly type: 2; readonly value: string };

export interface ServerCertificate {
  /** PEM each. */
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

/** Valid for a week, for these names and addresses and, of each name, any one label before it. */
export async function createCertificate(names: readonly string[]): Promise<ServerCertificate> {
  // Loaded when needed: most simulators speak http, and it takes longer to load than everything else together.
  const { generate } = await import('selfsigned');
  const notBeforeDate = new Date(Date.now() - 24 * 60 * 60 * 1000);
  const notAfterDate = new Date(Date.now() + 7 * 24 * 60 * 60 * 1000);
  const common = { keyType: 'ec', curve: 'P-256', algorithm: 'sha256', notBeforeDate, notAfterDate } as const;
  const authority = await generate([{ name: 'commonName', value: 'kvferry throw-away authority' }], {
    ...common,
    extensions: [
      { name: 'basicConstraints', cA: true, critical: true },
      { name: 'keyUsage', keyCertSign: true, cRLSign: true, critical: true },
    ],
  });
  const altNames = names.flatMap<SubjectAltName>((name) =>
    isIP(name)
      ? { type: 7, ip: name }
      : [
          { type: 2, value: name },
          { type: 2, value: `*.${name}` },
        ],
  );
  const server = await generate([{ name: 'commonName', value: 'kvferry S3 simulator' }], {
    ...common,
    ca: { key: authority.private, cert: authority.cert },
    extensions: [
      { name: 'basicConstraints', cA: false, critical: true },
      { name: 'keyUsage', digitalSignature: true, keyAgreement: true, critical: true },
      { name: 'extKeyUsage', serverAuth: true },
      { name: 'subjectAltName', altNames },
    ],
  });
  return { ca: authority.cert, cert: server.cert, key: server.private };
}
