/** Whether a path is one that `run_worker_first` gives to the Worker before any asset is looked for. */
export function isWorkerFirst(path: string, patterns: readonly string[]): boolean {
  return patterns.some((pattern) => (pattern.endsWith("*") ? path.startsWith(pattern.slice(0, -1)) : path === pattern));
}
