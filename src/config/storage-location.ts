/**
 * Parses where objects are stored: `none`, a path, `fs://PATH`, `file://PATH` or
 * `s3://BUCKET/PREFIX`.
 *
 * The caller resolves a relative path, because it knows the source: a path from a file or the
 * environment is under FLAME_HOME, a flag under the working directory. `~/` means the home
 * directory, also where no shell expands it. Nothing is percent-decoded.
 */
import { resolve } from "node:path";
import { LIMITS } from "../limits.ts";
import type { S3StorageConfig, StorageConfig } from "./cache-config.ts";
import { textSchema } from "./text-schema.ts";

const DEFAULT_TERMS: StoreTerms = {
  endpoint: undefined,
  region: undefined,
  pathStyle: undefined,
  maxStalenessMs: 0,
  localCache: undefined,
};

/** A location as written; `path` may be relative. */
export type StorageLocation =
  | { readonly kind: "none" }
  | { readonly kind: "files"; readonly path: string }
  /** `prefix` has no slash at its beginning and its end; empty: the bucket is the cache's alone. */
  | { readonly kind: "s3"; readonly bucket: string; readonly prefix: string };

const SCHEME = /^([a-z][a-z0-9+.-]*):\/\//i;
const BUCKET = /^[A-Za-z0-9][A-Za-z0-9._-]{1,254}$/;
const PREFIX_PART = /^[A-Za-z0-9._=@-]+$/;
const FILE_SCHEMES: ReadonlySet<string> = new Set(["fs", "file"]);

export const storageLocationSchema = textSchema((text, refuse): StorageLocation => {
  if (text.toLowerCase() === "none") return { kind: "none" };
  const scheme = SCHEME.exec(text);
  if (scheme?.[1]?.toLowerCase() === "s3") return bucketOf(text.slice(scheme[0].length), refuse);
  if (scheme !== null && !FILE_SCHEMES.has(scheme[1]!.toLowerCase())) {
    return refuse("must be none, a path, fs://PATH, file://PATH or s3://BUCKET/PREFIX");
  }
  const path = scheme === null ? text : text.slice(scheme[0].length);
  if (path === "") return refuse("must have a path after ://");
  if (path.includes("\0")) return refuse("must be a path without NUL characters");
  return { kind: "files", path };
});

function bucketOf(text: string, refuse: (text: string) => never): StorageLocation {
  const [bucket = "", ...parts] = text.replace(/\/+$/, "").split("/");
  if (!BUCKET.test(bucket)) return refuse("must have the name of a bucket after s3://");
  if (!parts.every((part) => PREFIX_PART.test(part)))
    return refuse("must have a prefix of letters, digits and ._-=@ between slashes");
  const prefix = parts.join("/");
  if (prefix.length > LIMITS.bucketPrefixBytesMax)
    return refuse(`must have a prefix of at most ${LIMITS.bucketPrefixBytesMax} characters`);
  return { kind: "s3", bucket, prefix };
}

/** True if objects outlive the process, so that durability `power-loss` can be promised. */
export function isDurable({ kind }: Pick<StorageLocation | StorageConfig, "kind">): boolean {
  return kind !== "none";
}

/** True if the bytes are elsewhere, so that a local cache has something to copy. */
export function isRemote({ kind }: Pick<StorageLocation | StorageConfig, "kind">): boolean {
  return kind === "s3";
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

/** Of a bucket; the file or the environment says the rest. */
export type StoreTerms = Omit<S3StorageConfig, "kind" | "bucket" | "prefix">;

export function resolveStorage(
  location: StorageLocation,
  context: PathContext,
  terms: StoreTerms = DEFAULT_TERMS,
): StorageConfig {
  if (location.kind === "none") return { kind: "none" };
  if (location.kind === "s3") return { ...location, ...terms };
  return { kind: "files", directory: resolvePath(location.path, context) };
}

/** As in a file. */
export function formatStorage(storage: StorageConfig): string {
  if (storage.kind === "none") return "none";
  if (storage.kind === "files") return storage.directory;
  return `s3://${storage.bucket}${storage.prefix === "" ? "" : `/${storage.prefix}`}`;
}
