/**
 * Builds the package into dist/: the declarations by tsc, the code by esbuild, the dashboard by vite.
 *
 * The code is bundled, because a process that reads 300 files starts a third of a second later than one that reads ten. Dependencies stay
 * outside, so that a project has each of them once. What two entries share lies in a chunk: a class is one class through every door.
 */
import { execFileSync } from "node:child_process";
import { chmodSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { brotliCompressSync, gzipSync } from "node:zlib";
import { build } from "esbuild";
import { build as buildPage } from "vite";

const DOORS = ["src/cli.ts", "src/index.ts", "src/client/index.ts"];
/** src/thread-entries.ts names them. */
const THREADS = readdirSync("src", { recursive: true })
  .filter((path) => path.endsWith("-thread-entry.ts"))
  .map((path) => `src/${path}`);

rmSync("dist", { recursive: true, force: true });
execFileSync("node_modules/.bin/tsc", ["-p", "tsconfig.build.json"], { stdio: "inherit" });
await build({
  entryPoints: [...DOORS, ...THREADS],
  outdir: "dist",
  outbase: "src",
  bundle: true,
  splitting: true,
  format: "esm",
  platform: "node",
  target: "node20.19",
  packages: "external",
  sourcemap: true,
  logLevel: "warning",
});
chmodSync("dist/cli.js", 0o755);

const PAGE = "dist/dashboard";

await buildPage({ configFile: "dashboard/vite.config.mjs" });
/** The server sends what is beside a file to browsers that take it. */
for (const name of readdirSync(PAGE, { recursive: true })) {
  if (!/\.(html|js|css|svg)$/.test(name)) continue;
  const bytes = readFileSync(`${PAGE}/${name}`);
  writeFileSync(`${PAGE}/${name}.br`, brotliCompressSync(bytes));
  writeFileSync(`${PAGE}/${name}.gz`, gzipSync(bytes, { level: 9 }));
}
