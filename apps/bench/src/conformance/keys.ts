/** What every key of the suite begins with: its runner makes it of the run's name. */
export function runFolder(runId: string): string {
  return `kvferry-conformance-${runId}`;
}
