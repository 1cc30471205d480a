/** What an owner reads of a game's end; the sentence goes on or ends where it is used. */
export function exitWords(exit: { exitCode: number | null; signal: string | null; oomKilled: boolean }): string {
  if (exit.oomKilled) return "It used more memory than its limit and was ended";
  if (exit.signal) return `It was ended by ${exit.signal}`;
  if (exit.exitCode === null) return "It ended while the agent was away; how is not known";
  return `It exited with code ${exit.exitCode}`;
}
