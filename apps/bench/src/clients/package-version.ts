import { readFileSync } from 'node:fs';
import { findPackageJSON } from 'node:module';

/** Version of a package as it is installed here; `null` where its manifest is not found. */
export function packageVersion(name: string): string | null {
  try {
    const manifest = findPackageJSON(name, import.meta.url);
    return manifest === undefined ? null : (JSON.parse(readFileSync(manifest, 'utf8')) as { version: string }).version;
  } catch {
    return null;
  }
}
