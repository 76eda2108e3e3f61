import { generate } from 'selfsigned';

/** PEM of a key and of its certificate. */
export interface Certificate {
  readonly key: string;
  readonly cert: string;
}

/** A throw-away authority. */
export async function makeAuthority(name: string): Promise<Certificate> {
  const made = await generate([{ name: 'commonName', value: name }], {
    keyType: 'ec',
    algorithm: 'sha256',
    extensions: [
      { name: 'basicConstraints', cA: true, critical: true },
      { name: 'keyUsage', keyCertSign: true, critical: true },
    ],
  });
  return { key: made.private, cert: made.cert };
}

/** A server's certificate, signed by `authority`. */
export async function makeCertificate(
  authority: Certificate,
  names: { readonly dns?: readonly string[]; readonly ip?: readonly string[] },
  notAfterDate?: Date,
): Promise<Certificate> {
  const made = await generate([{ name: 'commonName', value: 'kvferry wire test' }], {
    keyType: 'ec',
    algorithm: 'sha256',
    ca: authority,
    ...(notAfterDate !== undefined && { notBeforeDate: new Date(0), notAfterDate }),
    extensions: [
      { name: 'basicConstraints', cA: false },
      {
        name: 'subjectAltName',
        altNames: [
          ...(names.dns ?? []).map((value) => ({ type: 2 as const, value })),
          ...(names.ip ?? []).map((ip) => ({ type: 7 as const, ip })),
        ],
      },
    ],
  });
  return { key: made.private, cert: made.cert };
}
