import { accessSync, constants } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { type BrowserContext, chromium } from 'playwright-core';

/** A browser of this machine; or why there is none, with the ways to have one. */
export type FoundBrowser =
  | { readonly status: 'found'; readonly path: string }
  | { readonly status: 'missing'; readonly reason: string };

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];

/** Looks for Chromium or Chrome: `KVFERRY_CHROMIUM`, else on the `PATH`. */
export function findBrowser(): FoundBrowser {
  const named = process.env.KVFERRY_CHROMIUM;
  if (named !== undefined && named !== '') {
    return isExecutable(named)
      ? { status: 'found', path: named }
      : { status: 'missing', reason: `KVFERRY_CHROMIUM names ${named}, which cannot be executed` };
  }
  const folders = (process.env.PATH ?? '').split(delimiter).filter((folder) => folder !== '');
  const path = NAMES.flatMap((name) => folders.map((folder) => join(folder, name))).find(isExecutable);
  if (path !== undefined) return { status: 'found', path };
  const ways = 'install one (on Debian: apt-get install chromium), or name one with KVFERRY_CHROMIUM';
  return { status: 'missing', reason: `no ${NAMES.join(', ')} on the PATH: ${ways}` };
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Nothing of its own goes out, and it starts where a container forbids sandboxes. It opens files of this machine alone. */
const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** A browser without a window, with a profile of its own that is gone when it is closed. */
export async function startBrowser(
  path: string,
): Promise<{ readonly context: BrowserContext; close(): Promise<void> }> {
  const profile = await mkdtemp(join(tmpdir(), 'kvferry-browser-'));
  const remove = (): Promise<void> => rm(profile, { recursive: true, force: true, maxRetries: 3 });
  try {
    const context = await chromium.launchPersistentContext(profile, {
      executablePath: path,
      headless: true,
      args: FLAGS,
    });
    return {
      context,
      close: async () => {
        await context.close();
        await remove();
      },
    };
  } catch (thrown) {
    await remove();
    throw thrown;
  }
}
