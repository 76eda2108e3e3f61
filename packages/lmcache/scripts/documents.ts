import { parseLmcacheConfig } from '../src/config/parse.ts';
import { remoteTarget } from '../src/config/remote-target.ts';
import { KEY_TABLE, type KeyLevel, type KeySpec, PLUGIN_KEY } from '../src/config/table.ts';
import type { RemoteTarget } from '../src/types.ts';

/** A configuration file of `examples/configs`. */
export interface Example {
  readonly title: string;
  readonly file: string;
  readonly text: string;
}

/** The JSON Schema of an LMCache configuration, for editors. */
export function schemaDocument(): string {
  const kvferry = mapSchema('kvferry', {});
  const extra = mapSchema('extra', { kvferry });
  const pluginKey = PLUGIN_KEY.source.replaceAll('(?:', '(');
  const schema = {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'LMCache configuration, as LMCache 0.5.6 and kvferry read it',
    ...mapSchema('top', {
      extra_config: { ...extra, type: ['object', 'null'], patternProperties: { [pluginKey]: { type: 'string' } } },
    }),
  };
  // Lists of names on one line, as the formatter has them.
  const text = JSON.stringify(schema, null, 2).replace(/\[\s+([^[\]{}]*?)\s+\]/g, (_whole, items: string) => {
    return `[${items.replace(/,\s+/g, ', ')}]`;
  });
  return `${text}\n`;
}

type Schema = Readonly<Record<string, unknown>>;

function mapSchema(level: KeyLevel, nested: Readonly<Record<string, Schema>>): Schema {
  const properties = Object.fromEntries(
    KEY_TABLE[level].map((spec) => [spec.key, { ...(nested[spec.key] ?? {}), ...keySchema(spec, nested[spec.key]) }]),
  );
  return { type: 'object', properties, additionalProperties: false };
}

function keySchema(spec: KeySpec, nested: Schema | undefined): Schema {
  const description = spec.here ?? `No effect in kvferry. LMCache: ${spec.lmcache}`;
  const shown = spec.default === null || spec.default === Number.POSITIVE_INFINITY ? {} : { default: spec.default };
  return {
    description: description.replace(/\[(.*?)\]\(.*?\)/g, '$1'),
    ...(nested === undefined ? typeSchema(spec) : {}),
    ...shown,
  };
}

function typeSchema(spec: KeySpec): Schema {
  const nullable = (type: string): string | string[] => (spec.default === null ? [type, 'null'] : type);
  switch (spec.type) {
    case 'bool':
      return { type: nullable('boolean') };
    case 'int':
      return { type: nullable('integer') };
    case 'float':
      return { type: nullable('number') };
    case 'text': {
      if (spec.choices !== undefined) {
        // The one whose case does not count: as LMCache writes them, and as people do.
        const lower = spec.key === 'cache_policy' ? spec.choices.map((name) => name.toLowerCase()) : [];
        return { enum: [...spec.choices, ...lower, ...(spec.default === null ? [null] : [])] };
      }
      // Seeds, versions and hashes are numbers to YAML where they are not quoted, and taken all the same.
      const number = spec.key === 'python_hash_seed' || spec.key === 'python_version' || spec.key === 'none_hash';
      return { type: number ? ['string', 'number', 'null'] : nullable('string') };
    }
    case 'int-list':
      return { type: ['array', 'null'], items: { type: 'integer' } };
    case 'float-list':
      return { type: ['array', 'null'], items: { type: 'number' } };
    case 'text-list':
      return { type: ['array', 'string', 'null'], items: { type: 'string' } };
    case 'map':
      return { type: ['object', 'null'] };
  }
}

/** `docs/configuration.md`. */
export function configurationDocument(examples: readonly Example[]): string {
  return `${[
    '<!-- Generated from packages/lmcache by its script `generate`. Change the table there, not this file. -->',
    '# Configuration',
    "kvferry reads the configuration files of LMCache 0.5.6 as they are. Three that work unchanged, the examples of LMCache's own page on S3:",
    ...examples.map(exampleSection),
    READING,
    ADDRESSES,
    '## Keys in effect',
    'Every key of LMCache is known. These have an effect here.',
    keyTable('top', (spec) => spec.here !== undefined),
    '## Keys in effect inside `extra_config`',
    keyTable('extra', (spec) => spec.here !== undefined),
    "## What LMCache's file cannot say: `extra_config: kvferry`",
    'LMCache ignores this map, so one file serves both. Values are taken strictly: another type or an unknown name is an error.',
    KVFERRY_EXAMPLE,
    ownTable(),
    '## Keys without effect here',
    'Set to something else than its default, each of these is named in a warning.',
    restTable('top'),
    'Inside `extra_config`, and `remote_storage_plugin.<name>.…` and `storage_plugin.<name>.…` likewise:',
    restTable('extra'),
    ADVICE,
  ].join('\n\n')}\n`;
}

function exampleSection({ title, file, text }: Example): string {
  const parsed = parseLmcacheConfig({ text, file, env: {}, placeholders: {} });
  const placeholders = parsed.findings
    .filter((finding) => finding.scope === 'store')
    .map((finding) => `\`${finding.key}\``);
  const toFill = placeholders.length === 0 ? '' : ` Before its store is opened, fill in ${placeholders.join(', ')}.`;
  return `## ${title}\n\n\`\`\`yaml\n${text.trimEnd()}\n\`\`\`\n\n(\`examples/configs/${file}\`) ${opens(remoteTarget(parsed.config))}${toFill}`;
}

function opens(target: RemoteTarget): string {
  switch (target.kind) {
    case 'none':
      return 'No remote.';
    case 'plugin':
      return `Opens \`${target.url}\` with a plug-in.`;
    default:
      return `Opens \`${target.kind}\`: bucket \`${target.bucket}\` at \`${target.scheme}://${target.endpointHost}\`, signed for \`${target.region}\`.`;
  }
}

function keyTable(level: KeyLevel, include: (spec: KeySpec) => boolean): string {
  const rows = KEY_TABLE[level]
    .filter(include)
    .map((spec) => [code(spec.key), defaultOf(spec), spec.here ?? '', spec.lmcache]);
  return table(['key', 'default', 'effect here', 'effect in LMCache'], rows);
}

function ownTable(): string {
  const rows = KEY_TABLE.kvferry.map((spec) => {
    const choices = spec.choices === undefined ? '' : ` One of ${spec.choices.map(code).join(', ')}.`;
    return [code(spec.key), defaultOf(spec), `${spec.here ?? ''}${choices}`];
  });
  return table(['key', 'default', 'effect here'], rows);
}

function restTable(level: KeyLevel): string {
  const rows = KEY_TABLE[level]
    .filter((spec) => spec.here === undefined)
    .map((spec) => [code(spec.key), defaultOf(spec), spec.lmcache]);
  return table(['key', 'default', 'effect in LMCache'], rows);
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

function defaultOf({ default: value }: KeySpec): string {
  if (value === null) return 'none';
  if (typeof value === 'boolean') return value ? '`True`' : '`False`';
  if (value === Number.POSITIVE_INFINITY) return '`.inf`';
  return code(typeof value === 'string' ? JSON.stringify(value) : String(value));
}

function code(text: string): string {
  return `\`${text}\``;
}

const READING = `## How it is read

- From weak to strong: defaults, the file, \`LMCACHE_<KEY IN UPPER CASE>\` variables. \`LMCACHE_EXTRA_CONFIG\` holds JSON and replaces the
  whole \`extra_config\` of the file; an empty variable is a value, except for a number.
- The file is YAML 1.1 as Python's PyYAML reads it: \`True\`, \`yes\` and \`on\` are true, \`y\` is text, \`010\` is 8, \`1e3\` is text.
- \`{NAME}\` in a value is a placeholder: \`--set NAME=value\` on the command line fills it in.
- Everything there is to say comes at once, each with key, value, place and what to write. An *error* is what leaves LMCache without a
  working remote, makes it drop what it is told to store, or has no usable meaning. A *warning* is what works, but not as it looks.
- The values of credentials are never shown.

\`\`\`
lmcache.yaml:3: error: save_unfull_chunk: True cannot be used with an S3 remote.
  LMCache hashes the short last chunk and then drops it at PUT. Write: save_unfull_chunk: False
\`\`\`

Editors check a file as it is typed, with this first line in it:

\`\`\`yaml
# yaml-language-server: $schema=https://unpkg.com/@kvferry/lmcache/lmcache.schema.json
\`\`\``;

const ADDRESSES = `## Addresses

To LMCache, all that follows \`s3://\` is a host. kvferry tells bucket and store apart:

| \`remote_url\` | opens |
| --- | --- |
| \`s3://bucket\` | \`bucket\` at \`AWS_ENDPOINT_URL_S3\`, else \`AWS_ENDPOINT_URL\`, else \`s3.<s3_region>.amazonaws.com\`. To LMCache this name does not resolve, which is a warning. |
| \`s3://bucket.s3.us-east-1.amazonaws.com\` | Amazon S3; also the dual-stack, FIPS, accelerate and VPC forms, and \`amazonaws.com.cn\` |
| \`s3://name--use1-az4--x-s3.s3express-use1-az4.us-east-1.amazonaws.com\` | S3 Express One Zone |
| \`s3://bucket.cwlota.com\`, \`s3://bucket.cwobject.com\` | CoreWeave |
| \`s3://bucket.account.r2.cloudflarestorage.com\` | Cloudflare R2 |
| \`s3://bucket.storage.googleapis.com\` | Google Cloud Storage |
| \`s3://bucket.minio.example:9000\` | any other store: the first label is the bucket, the rest its host and port. With a \`kvferry: { bucket }\` that it does not begin with, all of it is the host |
| \`s3://127.0.0.1:9000\` | needs \`extra_config: kvferry: { bucket: "bucket" }\` |
| \`file:///path\`, \`file://localhost/path\` | a folder of this machine; \`file://./path\` lies below the current one |
| \`memory://\`, any other scheme | a backend of that scheme |

The host decides, whatever the flags say. A zone in the host that is not the bucket's, and a region that is not \`s3_region\`, are errors.`;

const KVFERRY_EXAMPLE = `\`\`\`yaml
remote_url: "s3://my-bucket"
extra_config:
  s3_region: "us-east-1"
  kvferry:
    endpoint: "https://minio.example:9000"
    ca_file: "/etc/ssl/minio-ca.pem"
    python_hash_seed: "0"
\`\`\``;

const ADVICE = `## Advice

- Keep compute and bucket in one region. Between regions every chunk costs a long round trip, and money.
- Threads beyond the cores gain little: \`s3_num_io_threads\` bounds the requests in flight; the threads behind them never exceed the cores.
- S3 Express One Zone trades redundancy for speed: its objects lie in one availability zone. For a cache that is a fair trade, in the zone
  in which the engine runs.`;
