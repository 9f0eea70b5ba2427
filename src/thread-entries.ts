/**
 * Where the code of the package's own threads begins, in the sources and in what is built of them.
 *
 * scripts/build.mjs bundles everything into files beside the doors, so that a file has no neighbours there but these entries, which keep
 * their places. This file is as far from them in `src/` as what it becomes is in `dist/`.
 */

/** Relative to `src/`, without its ending; scripts/build.mjs finds them by their name. */
export type ThreadEntry =
  | "relay/connection-thread-entry"
  | "server/cache-thread-entry"
  | "storage/disk/record-thread-entry"
  | "storage/disk/scan-thread-entry";

const ENDING = import.meta.url.endsWith(".ts") ? "ts" : "js";

/** False for the sources: a thread loads TypeScript only where its process was told how. */
export const IS_BUILT: boolean = ENDING === "js";

export function threadEntry(entry: ThreadEntry): URL {
  return new URL(`./${entry}.${ENDING}`, import.meta.url);
}
