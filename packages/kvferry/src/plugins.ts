import { createRequire } from 'node:module';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type BackendPlugin, KvferryError } from '@kvferry/core';
import type { LoadedConfig } from './load-config.ts';

/** Where further backends come from, beside the configuration. */
export interface PluginSources {
  /** Packages or files of further backends to load beside those in `extra_config.kvferry.backends`, seen from the working folder. */
  readonly backends?: readonly string[] | undefined;
  /** Plug-ins that are loaded already. */
  readonly plugins?: readonly BackendPlugin[] | undefined;
}

/**
 * Finds the plug-in that opens URLs of this scheme. Only what is named is loaded. Rejects with CONFIG_INVALID, with the line to add, where nothing that is
 * named opens them.
 */
export async function pluginFor(
  scheme: string,
  loaded: LoadedConfig,
  { backends = [], plugins = [] }: PluginSources,
): Promise<BackendPlugin> {
  const known = [
    ...plugins,
    ...(await loadPlugins(backends, process.cwd())),
    ...(await loadPlugins(loaded.config.kvferry.backends ?? [], dirname(resolve(loaded.file)))),
  ];
  const plugin = known.find((candidate) => candidate.scheme === scheme);
  if (plugin !== undefined) return plugin;
  const schemes = ['s3', 'file', 'memory', ...known.map((candidate) => candidate.scheme)].map((name) => `${name}://`);
  throw new KvferryError(
    'CONFIG_INVALID',
    `remote_url: nothing here opens ${scheme}:// (known: ${schemes.join(', ')}). Name the package that does; add: extra_config: kvferry: { backends: ["kvferry-backend-${scheme}"] }`,
  );
}

/**
 * Loads the plug-ins of backend packages: each one's export `backendPlugin`. A name that starts with `.` or `/` is a file, seen from `folder`; any other is a
 * package, as a program in `folder` would import it. Rejects with CONFIG_INVALID, naming the package and the way out.
 */
function loadPlugins(names: readonly string[], folder: string): Promise<BackendPlugin[]> {
  return Promise.all(names.map((name) => loadPlugin(name, folder)));
}

async function loadPlugin(name: string, folder: string): Promise<BackendPlugin> {
  const file = locate(name, folder);
  let module: { readonly backendPlugin?: unknown };
  try {
    module = await import(pathToFileURL(file).href);
  } catch (thrown) {
    throw new KvferryError('CONFIG_INVALID', `the backend ${name} cannot be loaded: ${messageOf(thrown)}`, {
      cause: thrown,
    });
  }
  if (isPlugin(module.backendPlugin)) return module.backendPlugin;
  throw new KvferryError(
    'CONFIG_INVALID',
    `${name} is no backend package: it exports no \`backendPlugin\` with a scheme and an open function`,
  );
}

function locate(name: string, folder: string): string {
  if (name.startsWith('.') || isAbsolute(name)) return resolve(folder, name);
  try {
    return createRequire(join(resolve(folder), 'from-here.js')).resolve(name);
  } catch (thrown) {
    const reason = `there is no package ${name} to be found from ${resolve(folder)}. Install it there: npm install ${name}`;
    throw new KvferryError('CONFIG_INVALID', reason, { cause: thrown });
  }
}

function isPlugin(candidate: unknown): candidate is BackendPlugin {
  const plugin = candidate as Partial<BackendPlugin> | null | undefined;
  return typeof plugin === 'object' && typeof plugin?.scheme === 'string' && typeof plugin.open === 'function';
}

function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
