import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Job } from 'kubernetes-models/batch/v1/Job';
import { ConfigMap } from 'kubernetes-models/v1/ConfigMap';
import { backendFor, loadConfig } from 'kvferry';
import { expect, onTestFinished, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { benchCommands } from './program.ts';

const text = readFileSync(new URL('../../../examples/kubernetes/bench-job.yaml', import.meta.url), 'utf8');
const [configMap, job, ...others] = parseAllDocuments(text, { strict: true, uniqueKeys: true }).map((document) => {
  expect(document.errors).toEqual([]);
  return document.toJS();
});
const pod = job.spec.template.spec;
const [container] = pod.containers;

test("is a ConfigMap and a Job, by Kubernetes' own schema", () => {
  expect(others).toEqual([]);
  new ConfigMap(configMap).validate();
  new Job(job).validate();
  // The schema lets pass what it does not know.
  expect(() => new Job({ ...job, spec: { ...job.spec, backoffLimit: 'none' } }).validate()).toThrow(/backoffLimit/);
});

test('runs once, as nobody, on a file system that it cannot change', () => {
  expect(job.spec).toMatchObject({ backoffLimit: 0, activeDeadlineSeconds: expect.any(Number) });
  expect(pod).toMatchObject({ restartPolicy: 'Never', securityContext: { runAsNonRoot: true, runAsUser: 1000 } });
  expect(container.securityContext).toEqual({
    allowPrivilegeEscalation: false,
    readOnlyRootFilesystem: true,
    capabilities: { drop: ['ALL'] },
  });
});

test('mounts every volume that it has, and can write where npm and the run do', () => {
  const mounts: Record<string, string> = Object.fromEntries(
    container.volumeMounts.map(({ name, mountPath }: { name: string; mountPath: string }) => [name, mountPath]),
  );
  expect(pod.volumes.map(({ name }: { name: string }) => name).toSorted()).toEqual(Object.keys(mounts).toSorted());
  const writable = pod.volumes
    .filter((volume: object) => 'emptyDir' in volume)
    .map(({ name }: { name: string }) => mounts[name]);
  expect(writable.toSorted()).toEqual(['/results', '/tmp']);
  const env = Object.fromEntries(
    container.env.map(({ name, value }: { name: string; value?: string }) => [name, value]),
  );
  expect(env).toMatchObject({ HOME: '/tmp', npm_config_cache: '/tmp/npm' });
  expect(pod.volumes).toContainEqual({ name: 'config', configMap: { name: configMap.metadata.name } });
});

test('its configuration opens the bucket on CoreWeave, over plain http, with the keys of the Secret', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'kvferry-kubernetes-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const file = join(folder, 'lmcache.yaml');
  await writeFile(file, configMap.data['lmcache.yaml']);
  const loaded = await loadConfig({ file, env: {} });
  expect(loaded.findings).toEqual([]);
  const backend = await backendFor(loaded);
  onTestFinished(() => backend.close());
  expect(backend.info).toMatchObject({
    scheme: 's3-compatible',
    details: { profile: 'coreweave', endpoint: 'http://cwlota.com', addressing: 'virtual' },
  });
  expect(container.env.filter((entry: object) => 'valueFrom' in entry)).toMatchObject([
    { name: 'AWS_ACCESS_KEY_ID', valueFrom: { secretKeyRef: { name: 'kvferry-bench-s3' } } },
    { name: 'AWS_SECRET_ACCESS_KEY', valueFrom: { secretKeyRef: { name: 'kvferry-bench-s3' } } },
  ]);
});

test('its command is one that kvferry-bench takes', () => {
  expect(container.command).toEqual(['npx', '--yes', expect.stringMatching(/^kvferry-bench@\d/)]);
  const [name, ...flags] = container.args;
  const { command } = benchCommands().find((candidate) => candidate.command.name() === name) ?? {};
  command?.exitOverride().parse(flags, { from: 'user' });
  expect(command?.args).toEqual([]);
  expect(command?.opts()).toMatchObject({
    config: '/etc/kvferry/lmcache.yaml',
    live: true,
    json: true,
    out: '/results',
  });
});
