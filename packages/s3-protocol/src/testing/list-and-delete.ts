import { credentialProvider } from '../credentials.ts';
import { createS3Backend } from '../index.ts';

/** A process of its own: stores, lists and deletes a key of the bucket at a port of 127.0.0.1, over TLS, and says what came of it. */
const [port, accessKeyId = '', secretAccessKey = ''] = process.argv.slice(2);
const bucket = 'my-bucket';
const backend = createS3Backend({
  scheme: 's3',
  endpoint: {
    scheme: 'https',
    host: '127.0.0.1',
    port: Number(port),
    bucket,
    addressing: 'path',
    region: 'us-east-1',
  },
  profile: {
    id: 'test',
    create: true,
    checksum: 'crc32c',
    bulkDelete: true,
    maxPutBytes: 1024,
    multipart: 'none',
    listing: 'any',
  },
  credentials: credentialProvider({ accessKeyId, secretAccessKey }),
  options: { bucket },
});
await backend.open();
const said = [];
for (const result of await backend.put([{ key: 'k', parts: [new Uint8Array(1)] }])) said.push(result.status);
for await (const { key } of backend.list()) said.push(key);
for (const result of await backend.delete(['k', 'l'])) said.push(result.status);
await backend.close();
process.stdout.write(said.join(' '));
