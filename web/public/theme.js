// Runs before the first paint, so that a dark page never flashes white. A file of its own because the content
// security policy allows no inline script. Kept in step with theme/theme.ts.
(() => {
  let choice = "system";
  try {
    choice = localStorage.getItem("catalyst.theme") ?? "system";
  } catch {
    // Storage is refused in some private windows: follow the system.
  }
  const dark = choice === "dark" || (choice !== "light" && matchMedia("(prefers-color-scheme: dark)").matches);
  document.documentElement.classList.toggle("dark", dark);
})();
