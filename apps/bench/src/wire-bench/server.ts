import cluster from 'node:cluster';
import { once } from 'node:events';
import net from 'node:net';
import tls from 'node:tls';
import { crc32c } from '@node-rs/crc32';
import { generate } from 'selfsigned';
import { type Incoming, readByEvents, readIntoScratch } from './incoming.ts';
import type { ServerSetup, Target } from './messages.ts';
import { fillObject } from './objects.ts';
import { type ServedObject, serveHttp } from './serve-http.ts';
import { serveRaw } from './serve-raw.ts';

/**
 * The process that every client of a run talks to. It answers like S3 as far as GET, HEAD and PUT of whole objects go, and checks no
 * signature: what it does per byte is one write of memory that was ready before, so that it is not what is measured.
 */

process.once('message', (order: ServerSetup | Share) => void ('pem' in order ? serve(order) : start(order)));
process.once('disconnect', () => process.exit());

/** What each of several processes is told: they serve under one certificate. */
interface Share {
  readonly setup: ServerSetup;
  readonly pem: Certificate;
}

interface Certificate {
  readonly private: string;
  readonly cert: string;
}

async function start(setup: ServerSetup): Promise<void> {
  const pem = await makeCertificate();
  if (setup.processes === 1) {
    await serve({ setup, pem });
    return;
  }
  // The cluster hands out connections in turn, so that each process has as many as the others.
  const targets = Array.from({ length: setup.processes }, async () => {
    const member = cluster.fork();
    member.send({ setup, pem });
    return (await once(member, 'message'))[0] as Target;
  });
  process.send?.((await Promise.all(targets))[0]);
}

async function serve({ setup, pem }: Share): Promise<void> {
  const objects = new Map<number, readonly ServedObject[]>(
    setup.sizes.map((bytes) => [bytes, prepareObjects(bytes, setup)]),
  );
  // One cipher for all: what Amazon S3 chooses. Left open, each client's library would bring its own favourite, and the rows would compare ciphers.
  const tlsOptions: tls.TlsOptions = {
    key: pem.private,
    cert: pem.cert,
    minVersion: 'TLSv1.3',
    ciphers: 'TLS_AES_128_GCM_SHA256',
    noDelay: true,
  };
  const http = (incoming: Incoming, sliceBytes: number): void => serveHttp(incoming, sliceBytes, objects);
  const raw = (incoming: Incoming, sliceBytes: number): void => serveRaw(incoming, sliceBytes, objects);
  const target: Target = {
    httpPort: await listen(tcpServer(http)),
    httpsPort: await listen(tlsServer(tlsOptions, http)),
    rawPort: await listen(tcpServer(raw)),
    rawTlsPort: await listen(tlsServer(tlsOptions, raw)),
    ca: pem.cert,
    objectsPerSize: setup.objectsPerSize,
  };
  process.send?.(target);
}

async function makeCertificate(): Promise<Certificate> {
  const made = await generate([{ name: 'commonName', value: '127.0.0.1' }], {
    algorithm: 'sha256',
    keyType: 'ec',
    extensions: [
      { name: 'basicConstraints', cA: true, critical: true },
      { name: 'subjectAltName', altNames: [{ type: 7, ip: '127.0.0.1' }] },
    ],
  });
  return { private: made.private, cert: made.cert };
}

type Serve = (incoming: Incoming, sliceBytes: number) => void;

function tcpServer(serve: Serve): net.Server {
  return net.createServer({ noDelay: true, pauseOnConnect: true }, (socket) =>
    serve(readIntoScratch(socket), Number.POSITIVE_INFINITY),
  );
}

function tlsServer(options: tls.TlsOptions, serve: Serve): net.Server {
  return tls.createServer(options, (socket) => serve(readByEvents(socket), TLS_SLICE_BYTES));
}

// A body written to a TLS socket in one piece is encrypted in one piece, into as much memory again: 1.4–1.6 CPU s/GiB, against 0.6 in slices.
const TLS_SLICE_BYTES = 512 * 1024;

function prepareObjects(bytes: number, setup: ServerSetup): ServedObject[] {
  return Array.from({ length: setup.objectsPerSize }, (_, index) => {
    const body = Buffer.allocUnsafeSlow(bytes);
    fillObject(body, index);
    const checksum = Buffer.alloc(4);
    checksum.writeUInt32BE(crc32c(body));
    return { body, index, crc32c: checksum.toString('base64') };
  });
}

function listen(server: net.Server): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => resolve((server.address() as net.AddressInfo).port));
  });
}
