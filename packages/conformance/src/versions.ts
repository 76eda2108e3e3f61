/**
 * Version of the contract: the sentences in the comments of `RemoteBackend`. Major: a sentence changed or went, so a backend may have to change.
 * Minor: one came. Patch: other words for the same.
 */
export const CONTRACT_VERSION: string = '1.0.0';

/**
 * Version of the suite. Minor: cases came, and are provisional. Major: what was provisional counts, and what is provisional begins anew.
 */
export const SUITE_VERSION: string = '1.0.0';

/**
 * Says whether a case is provisional: its failure is told and does not count. A case that came with a minor version is so until the next
 * major, so that an update within a major never turns a green backend red.
 */
export function isProvisional(since: string, suiteVersion: string = SUITE_VERSION): boolean {
  const [major, ...rest] = since.split('.');
  return major === suiteVersion.split('.')[0] && rest.some((part) => part !== '0');
}
