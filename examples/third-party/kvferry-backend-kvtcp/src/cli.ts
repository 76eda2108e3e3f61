#!/usr/bin/env node
import { parseArgs } from 'node:util';
import { startKvtcpServer } from './server.ts';

const { values } = parseArgs({
  options: {
    host: { type: 'string', default: '127.0.0.1' },
    port: { type: 'string', default: '7070' },
    namespace: { type: 'string', multiple: true, default: ['cache'] },
  },
});
const { host, port } = await startKvtcpServer({
  host: values.host,
  port: Number(values.port),
  namespaces: values.namespace,
});
for (const namespace of values.namespace) console.log(`kvtcp://${host}:${port}/${namespace}`);
