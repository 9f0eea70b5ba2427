/**
 * Parses where objects are stored: `none`, a path, `fs://PATH` or `file://PATH`.
 *
 * The caller resolves a relative path, because it knows the source: a path from a file or the
 * environment is under FLAME_HOME, a flag under the working directory. `~/` means the home
 * directory, also where no shell expands it. Nothing is percent-decoded.
 */
import { resolve } from "node:path";
import type { StorageConfig } from "./cache-config.ts";
import { textSchema } from "./text-schema.ts";

/** A location as written; `path` may be relative. */
export type StorageLocation = { readonly kind: "none" } | { readonly kind: "files"; readonly path: string };

const SCHEME = /^([a-z][a-z0-9+.-]*):\/\//i;
const FILE_SCHEMES: ReadonlySet<string> = new Set(["fs", "file"]);

export const storageLocationSchema = textSchema((text, refuse): StorageLocation => {
  if (text.toLowerCase() === "none") return { kind: "none" };
  const scheme = SCHEME.exec(text);
  if (scheme !== null && !FILE_SCHEMES.has(scheme[1]!.toLowerCase())) {
    return refuse("must be none, a path, fs://PATH or file://PATH");
  }
  const path = scheme === null ? text : text.slice(scheme[0].length);
  if (path === "") return refuse("must have a path after ://");
  if (path.includes("\0")) return refuse("must be a path without NUL characters");
  return { kind: "files", path };
});

/** True if objects outlive the process, so that durability `power-loss` can be promised. */
export function isDurable({ kind }: StorageLocation | StorageConfig): boolean {
  return kind !== "none";
}

export interface PathContext {
  /** Absolute. Base of relative paths. */
  readonly directory: string;
  /** Absolute. Replaces `~`. */
  readonly userHome: string;
}

/** Resolves a path that may be relative or begin with `~/`. */
export function resolvePath(path: string, context: PathContext): string {
  if (path === "~") return context.userHome;
  if (path.startsWith("~/")) return resolve(context.userHome, path.slice(2));
  return resolve(context.directory, path);
}

export function resolveStorage(location: StorageLocation, context: PathContext): StorageConfig {
  if (location.kind === "none") return { kind: "none" };
  return { kind: "files", directory: resolvePath(location.path, context) };
}
