/**
 * The files of the dashboard, read once into memory: about 200 KB, and 150 KB compressed.
 *
 * scripts/build.mjs writes them to dist/dashboard/, with a `.br` and a `.gz` beside each file. A
 * request never becomes a path: it selects one of the files that were found when the folder was
 * read. If the folder is missing, there are no files.
 */
import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { HERE, IS_BUILT } from "../../thread-entries.ts";

export type ContentCoding = "br" | "gzip";

export interface PageFile {
  readonly bytes: Buffer;
  readonly codings: ReadonlyMap<ContentCoding, Buffer>;
  /** Quoted, as in the header. */
  readonly etag: string;
}

const ENDINGS: readonly (readonly [ContentCoding, string])[] = [
  ["br", ".br"],
  ["gzip", ".gz"],
];

/** Where the build puts the dashboard. */
export const PAGE_DIRECTORY: string = fileURLToPath(
  new URL(IS_BUILT ? "./dashboard/" : "../dist/dashboard/", HERE),
);

/** @returns files by their path below the folder, such as `assets/index-1a2b3c.js`. */
export async function readPageFiles(directory: string): Promise<ReadonlyMap<string, PageFile>> {
  const files = new Map<string, PageFile>();
  const contents = new Map<string, Buffer>();
  for (const name of await namesIn(directory)) contents.set(name, await readFile(`${directory}/${name}`));
  for (const [name, bytes] of contents) {
    if (ENDINGS.some(([, ending]) => name.endsWith(ending))) continue;
    const found = ENDINGS.flatMap(([coding, ending]) => {
      const coded = contents.get(name + ending);
      return coded === undefined ? [] : [[coding, coded] as const];
    });
    const digest = createHash("sha256").update(bytes).digest("base64url").slice(0, 22);
    files.set(name, { bytes, codings: new Map(found), etag: `"${digest}"` });
  }
  return files;
}

/** The regular files of the folder and of its folder `assets`. */
async function namesIn(directory: string): Promise<string[]> {
  const names: string[] = [];
  for (const folder of ["", "assets/"]) {
    const entries = await readdir(`${directory}/${folder}`, { withFileTypes: true }).catch(() => []);
    names.push(...entries.filter((entry) => entry.isFile()).map(({ name }) => folder + name));
  }
  return names;
}
