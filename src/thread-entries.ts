/**
 * Where the code of the package's own threads begins, in the sources and in what is built of them.
 *
 * scripts/build.mjs bundles everything into files beside the entry points, so that a file has no neighbours there but these entries, which keep
 * their places. This file is as far from them in `src/` as what it becomes is in `dist/`.
 * A host that bundles the package takes this file away from them: then they are looked for in the installed package.
 */
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { CacheError } from "./errors.ts";

/** Relative to `src/`, without its ending; scripts/build.mjs finds them by their name. */
export type ThreadEntry =
  | "relay/connection-thread-entry"
  | "service/cache-thread-entry"
  | "storage/disk/scan-thread-entry";

const PACKAGE = "flame-object-cache";

/** There where a bundler made CommonJS of this file; `import.meta` is empty then. */
declare const __filename: string;

/** The file that this code runs from, as a URL. */
export const HERE: string = import.meta.url ?? pathToFileURL(__filename).href;

const ENDING = HERE.endsWith(".ts") ? "ts" : "js";
const require = createRequire(HERE);

/** False for the sources: a thread loads TypeScript only where its process was told how. */
export const IS_BUILT: boolean = ENDING === "js";

/** @throws {CacheError} INVALID_CONFIG when a bundler has left it behind. */
export function threadEntry(entry: ThreadEntry): URL {
  const path = found(fileURLToPath(new URL(`./${entry}.${ENDING}`, HERE))) ?? installed(entry);
  if (path !== undefined) return pathToFileURL(path);
  throw new CacheError(
    "INVALID_CONFIG",
    `the bundle lacks a file that ${PACKAGE} starts a thread from: mark the package as external ` +
      `(esbuild --external:${PACKAGE}, vite ssr.external), and install it beside the bundle`,
    { facts: { entry, bundle: HERE } },
  );
}

function installed(entry: ThreadEntry): string | undefined {
  const manifest = found(`${PACKAGE}/package.json`);
  return manifest && found(join(dirname(manifest), "dist", `${entry}.js`));
}

/** The path of a file, or of a package's, if it is there. */
function found(name: string): string | undefined {
  try {
    return require.resolve(name);
  } catch {
    return undefined;
  }
}
