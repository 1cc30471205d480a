/**
 * Waits until a condition holds, asking every 50 ms.
 * @param what is waited for, in words for the failure
 * @throws when `deadlineMs` has passed; the last error of the condition is its cause
 */
export async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
  deadlineMs = 20_000,
): Promise<void> {
  const deadline = performance.now() + deadlineMs;
  let cause: unknown;
  while (performance.now() < deadline) {
    try {
      if (await condition()) return;
      cause = undefined;
    } catch (error) {
      cause = error;
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`waited ${deadlineMs} ms in vain: ${what}`, { cause });
}
