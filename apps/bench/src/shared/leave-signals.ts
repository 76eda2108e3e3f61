/** Of a child process: Ctrl-C and a closed terminal reach it too, and are for the process that started it, which says when to stop. */
export function leaveSignalsToParent(): void {
  for (const signal of ['SIGINT', 'SIGHUP'] as const) process.on(signal, () => {});
}
