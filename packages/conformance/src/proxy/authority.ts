import { isIP } from 'node:net';
import { createSecureContext, type SecureContext } from 'node:tls';

/** A throw-away certificate authority, which makes a certificate for each name that is asked for. */
export interface Authority {
  /** PEM of what a client has to trust. */
  readonly ca: string;
  /** The server's side of TLS for this name or address. Made once. */
  contextFor(name: string): Promise<SecureContext>;
}

/** Makes an authority that is valid for a week. Its key lives in memory alone. */
export async function createAuthority(): Promise<Authority> {
  // Loaded when needed: most runs are without TLS.
  const { generate } = await import('selfsigned');
  const dayMs = 24 * 60 * 60 * 1000;
  const common = {
    keyType: 'ec',
    curve: 'P-256',
    algorithm: 'sha256',
    notBeforeDate: new Date(Date.now() - dayMs),
    notAfterDate: new Date(Date.now() + 7 * dayMs),
  } as const;
  const authority = await generate([{ name: 'commonName', value: 'kvferry fault proxy' }], {
    ...common,
    extensions: [
      { name: 'basicConstraints', cA: true, critical: true },
      { name: 'keyUsage', keyCertSign: true, critical: true },
    ],
  });
  const contexts = new Map<string, Promise<SecureContext>>();
  async function makeContext(name: string): Promise<SecureContext> {
    const server = await generate([{ name: 'commonName', value: 'kvferry fault proxy in front of a store' }], {
      ...common,
      ca: { key: authority.private, cert: authority.cert },
      extensions: [
        { name: 'basicConstraints', cA: false, critical: true },
        { name: 'keyUsage', digitalSignature: true, critical: true },
        { name: 'extKeyUsage', serverAuth: true },
        { name: 'subjectAltName', altNames: [isIP(name) ? { type: 7, ip: name } : { type: 2, value: name }] },
      ],
    });
    return createSecureContext({ cert: server.cert, key: server.private });
  }
  return {
    ca: authority.cert,
    contextFor: (name) => {
      let context = contexts.get(name);
      if (context === undefined) {
        context = makeContext(name);
        contexts.set(name, context);
      }
      return context;
    },
  };
}
