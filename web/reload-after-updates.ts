const STORAGE_KEY = "catalyst.reloadedAt";
const AGAIN_AFTER_MS = 30_000;

/**
 * A page that was open during an update asks for parts of the old version that are gone. Loading it anew brings the
 * new one; at most once in a while, so that a part that is really missing cannot make it reload for ever.
 */
export function reloadAfterUpdates(): void {
  window.addEventListener("vite:preloadError", (event) => {
    let reloadedAt = 0;
    try {
      reloadedAt = Number(sessionStorage.getItem(STORAGE_KEY) ?? 0);
      sessionStorage.setItem(STORAGE_KEY, String(Date.now()));
    } catch {
      // Without storage the loop could not be noticed: leave it to the error page.
      return;
    }
    if (Date.now() - reloadedAt < AGAIN_AFTER_MS) return;
    event.preventDefault();
    location.reload();
  });
}
