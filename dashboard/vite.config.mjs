/**
 * Builds the dashboard into dist/dashboard/. scripts/build.mjs runs it; `npx vite dashboard` serves it while one works on it, with
 * the API of a server on the default admin address.
 *
 * One script, one style sheet: no file is loaded from another host, and nothing is inline, so that the page's policy can be strict.
 */
import { fileURLToPath } from "node:url";
import { defineConfig } from "vite";

export default defineConfig({
  root: fileURLToPath(new URL(".", import.meta.url)),
  base: "/",
  logLevel: "warn",
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  worker: { format: "es" },
  build: {
    outDir: fileURLToPath(new URL("../dist/dashboard", import.meta.url)),
    emptyOutDir: true,
    target: "es2022",
    assetsInlineLimit: 0,
    modulePreload: false,
    reportCompressedSize: false,
  },
  server: { proxy: { "/v1": "http://127.0.0.1:9091" } },
});
