import { createHash, createHmac, type Hash, type Hmac } from 'node:crypto';
import { SignatureV4 } from '@smithy/signature-v4';
import type { PlainAccess } from '../clients/types.ts';
import type { S3Access } from '../stores/types.ts';

/**
 * Signs a GET of each object by URL, with the library that the AWS SDK signs with, so that a client that knows HTTP alone can read from the store. They hold
 * for `seconds`. A directory bucket, which wants sessions, takes none.
 */
export async function presignReads(store: S3Access, keys: readonly string[], seconds: number): Promise<PlainAccess> {
  const { protocol, host } = new URL(store.endpoint);
  const isPath = store.addressing === 'path';
  const signedHost = isPath ? host : `${store.bucket}.${host}`;
  const signer = new SignatureV4({
    service: 's3',
    region: store.region,
    credentials: {
      accessKeyId: store.credentials.accessKeyId,
      secretAccessKey: store.credentials.secretAccessKey,
      ...(store.credentials.sessionToken === undefined ? {} : { sessionToken: store.credentials.sessionToken }),
    },
    sha256: Sha256,
    // S3 signs the path as it stands on the wire.
    uriEscapePath: false,
    applyChecksum: false,
  });
  const paths = keys.map(async (key) => {
    const encoded = key.split('/').map(encode).join('/');
    const { path, query } = await signer.presign(
      {
        method: 'GET',
        protocol,
        hostname: signedHost,
        path: isPath ? `/${encode(store.bucket)}/${encoded}` : `/${encoded}`,
        query: {},
        headers: { host: signedHost, 'X-Amz-Content-Sha256': 'UNSIGNED-PAYLOAD' },
      },
      { expiresIn: seconds },
    );
    const pairs = Object.entries(query ?? {}).map(([name, value]) => `${encode(name)}=${encode(String(value))}`);
    return `${path}?${pairs.join('&')}`;
  });
  return { origin: `${protocol}//${signedHost}`, paths: await Promise.all(paths) };
}

/** As the signature wants it: all but the unreserved characters. */
function encode(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

/** SHA-256, or its HMAC where there is a secret, as the library wants to be given it. */
class Sha256 {
  readonly #hash: Hash | Hmac;

  constructor(secret?: unknown) {
    this.#hash = secret === undefined ? createHash('sha256') : createHmac('sha256', secret as Uint8Array);
  }

  update(data: Uint8Array): void {
    this.#hash.update(data);
  }

  async digest(): Promise<Uint8Array> {
    return this.#hash.digest();
  }

  reset(): void {
    throw new Error('a signature hashes once');
  }
}
