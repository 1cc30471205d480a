import tailwindcss from "@tailwindcss/vite";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

/** Where `npm start` listens; the panel's development server passes everything that is not a page on to it. */
const backend = process.env.CATALYST_DEV_BACKEND ?? "http://localhost:3000";

export default defineConfig(({ command }) => {
  // What is shipped is the production build, whatever the shell or test runner that asks for it calls itself.
  if (command === "build") process.env.NODE_ENV = "production";
  return {
    root: import.meta.dirname,
    plugins: [react(), tailwindcss()],
    build: {
      outDir: "../dist/web",
      emptyOutDir: true,
      target: "es2023",
      // Everything that is not a file of its own would need a looser content security policy.
      assetsInlineLimit: 0,
      chunkSizeWarningLimit: 700,
    },
    server: {
      proxy: {
        "/api": { target: backend, ws: true },
        "/ws": { target: backend, ws: true },
        "/health": backend,
      },
    },
  };
});
