/**
 * A data directory of the Rust cache (test/golden/make_ancestor.py), and what a client must be given of it.
 */
import { createHash } from "node:crypto";
import { cpSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const GOLDEN = fileURLToPath(new URL("../golden/", import.meta.url));

/** Never written to. */
export const ANCESTOR_DIRECTORY: string = join(GOLDEN, "ancestor");

/** Of an opaque value: version, text, and the bytes that are sent in hex, compressed or not; base first. */
export type AncestorRow = readonly [version: number, text: string, stored: string];

export interface AncestorTable {
  readonly base: number;
  readonly version: number;
  /** The column of this name in all batches. */
  readonly n: readonly number[];
}

type AncestorObject =
  | { readonly kind: "opaque"; readonly rows: readonly AncestorRow[] }
  | ({ readonly kind: "table" } & AncestorTable);

const OBJECTS = Object.entries(
  JSON.parse(readFileSync(join(GOLDEN, "ancestor.json"), "utf8")) as Record<string, AncestorObject>,
);

/** Keys with what they hold. */
export const ANCESTOR_VALUES: readonly (readonly [string, readonly AncestorRow[]])[] = OBJECTS.flatMap(
  ([key, object]) => (object.kind === "opaque" ? [[key, object.rows] as const] : []),
);
export const ANCESTOR_TABLES: readonly (readonly [string, AncestorTable])[] = OBJECTS.flatMap(
  ([key, object]) => (object.kind === "table" ? [[key, object] as const] : []),
);

/** @param name relative to the directory. */
export function ancestorFile(name: string): string {
  return join(ANCESTOR_DIRECTORY, name);
}

/** Fills a directory with a copy of it. */
export function copyAncestor(directory: string): void {
  cpSync(ANCESTOR_DIRECTORY, directory, { recursive: true });
}

/** The sum of each file by its path, but for those under names that begin with a dot: these are the cache's own. */
export function digestsOf(directory: string): Record<string, string> {
  const names = readdirSync(directory, { recursive: true, encoding: "utf8" }).sort();
  const seen = names.filter((name) => !name.split("/").some((part) => part.startsWith(".")));
  const files = seen.filter((name) => statSync(join(directory, name)).isFile());
  return Object.fromEntries(files.map((name) => [name, sumOf(join(directory, name))]));
}

function sumOf(file: string): string {
  return createHash("sha256").update(readFileSync(file)).digest("hex");
}
