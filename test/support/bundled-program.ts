/**
 * A TypeScript program of the tests as one that plain Node runs, with the threads that it starts: tests that start it a hundred times do not
 * have it compiled a hundred times.
 *
 * Laid out as the package is (scripts/build.mjs, src/thread-entries.ts).
 */
import { symlinkSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { temporaryDirectory } from "./temporary-directory.ts";

const SOURCES = fileURLToPath(new URL("../../src/", import.meta.url));
const STORAGE_THREADS = ["storage/disk/scan-thread-entry"];

/** What the product loads from its packages when it needs it (src/config/yaml-library.ts) is looked for beside the program. */
const PACKAGES = fileURLToPath(new URL("../../node_modules", import.meta.url));

export interface BundledProgram {
  /** To be given to `node`. */
  readonly file: string;
  remove(): void;
}

/** @param program absolute; of the threads it may start those of storage. */
export async function bundledProgram(program: string): Promise<BundledProgram> {
  const { path: outdir, remove } = temporaryDirectory("program");
  const threads = STORAGE_THREADS.map((entry) => [entry, join(SOURCES, `${entry}.ts`)] as const);
  await build({
    entryPoints: { program, ...Object.fromEntries(threads) },
    outdir,
    bundle: true,
    splitting: true,
    format: "esm",
    platform: "node",
    target: "node20.19",
    sourcemap: "inline",
    logLevel: "silent",
  });
  symlinkSync(PACKAGES, join(outdir, "node_modules"));
  return { file: join(outdir, "program.js"), remove };
}
