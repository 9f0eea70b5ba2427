/**
 * The cache as a few maps: what each call must answer, by the words of the protocol and nothing else.
 */
import { formatObjectKey, type KeyPattern, parseObjectKey } from "../../../src/object/object-key.ts";

/** Golden streams by their schema: two compressions of one table, and one that replaces a dictionary midway. */
export const SCHEMA_OF: Readonly<Record<string, string>> = { lz4: "n, t", zstd: "n, t", replaced: "d" };
export const TABLES: readonly string[] = Object.keys(SCHEMA_OF);

export type Kind = "opaque" | "table";

export interface ModelObject {
  readonly kind: Kind;
  readonly baseVersion: number;
  readonly base: string;
  /** One per version above the base's. */
  readonly patches: readonly string[];
}

/** The answer to a get: which schema, and what follows. A table's content is named, not spelled out. */
export type ModelAnswer =
  | { readonly schema: "plain" | "versioned"; readonly rows: readonly ModelRow[] }
  | { readonly schema: "as put" | `version ${number}`; readonly tables: readonly string[] };

export interface ModelRow {
  readonly version: number;
  readonly kind?: "base" | "patch";
  readonly data: string;
}

export type Refusal = "OBJECT_NOT_FOUND" | "INVALID_REQUEST";

export class PlainModel {
  readonly #objects = new Map<string, ModelObject>();
  #floor = 0;
  /** Of each deleted key. */
  readonly #floors = new Map<string, number>();
  readonly #hasFloorPerKey: boolean;

  /** @param hasFloorPerKey a delete raises the versions of its key, and of no other. */
  constructor(hasFloorPerKey = false) {
    this.#hasFloorPerKey = hasFloorPerKey;
  }

  /** @returns the version. */
  put(key: string, kind: Kind, base: string): number {
    const old = this.#objects.get(key);
    const baseVersion = (old === undefined ? this.#floorOf(key) : versionOf(old)) + 1;
    this.#objects.set(key, { kind, baseVersion, base, patches: [] });
    return baseVersion;
  }

  /** A put under an id that the server made. */
  create(key: string, kind: Kind, base: string): number {
    this.#objects.set(key, { kind, baseVersion: 1, base, patches: [] });
    return 1;
  }

  /** Whether a patch of this kind may begin. */
  refusalOfPatch(key: string, kind: Kind, value: string): Refusal | undefined {
    const object = this.#objects.get(key);
    if (object === undefined) return "OBJECT_NOT_FOUND";
    const fits = object.kind === kind && (kind === "opaque" || SCHEMA_OF[object.base] === SCHEMA_OF[value]);
    return fits ? undefined : "INVALID_REQUEST";
  }

  /** @returns the version. */
  patch(key: string, kind: Kind, patch: string): number | Refusal {
    const refusal = this.refusalOfPatch(key, kind, patch);
    if (refusal !== undefined) return refusal;
    const object = this.#objects.get(key)!;
    const patched = { ...object, patches: [...object.patches, patch] };
    this.#objects.set(key, patched);
    return versionOf(patched);
  }

  delete(pattern: KeyPattern): void {
    for (const key of this.list(pattern)) {
      const version = versionOf(this.#objects.get(key)!);
      this.#floor = Math.max(this.#floor, version);
      this.#floors.set(key, version);
      this.#objects.delete(key);
    }
  }

  #floorOf(key: string): number {
    return this.#hasFloorPerKey ? (this.#floors.get(key) ?? 0) : this.#floor;
  }

  /** Keys in order of text. */
  list(pattern: KeyPattern): string[] {
    return [...this.#objects.keys()].filter((key) => isNamedBy(key, pattern)).sort();
  }

  version(key: string): number | Refusal {
    const object = this.#objects.get(key);
    return object === undefined ? "OBJECT_NOT_FOUND" : versionOf(object);
  }

  /** docs/protocol.md, "DoGet", row by row. */
  get(key: string, held: number | undefined): ModelAnswer | Refusal {
    const object = this.#objects.get(key);
    if (object === undefined) return "OBJECT_NOT_FOUND";
    const { baseVersion, kind, base, patches } = object;
    const version = versionOf(object);
    if (held === version) return { schema: "versioned", rows: [] };
    if (kind === "table") {
      return { schema: held === undefined ? "as put" : `version ${version}`, tables: [base, ...patches] };
    }
    const rows = [base, ...patches].map((data, index) => ({ version: baseVersion + index, data }));
    if (held === undefined) return { schema: "plain", rows };
    const named = rows.map((row) => ({
      ...row,
      kind: row.version === baseVersion ? ("base" as const) : "patch",
    }));
    const from = held >= baseVersion && held < version ? held - baseVersion + 1 : 0;
    return { schema: "versioned", rows: named.slice(from) as ModelRow[] };
  }

  /** An engine that forgets was started again. */
  clear(): void {
    this.#objects.clear();
    this.#floor = 0;
  }
}

function versionOf({ baseVersion, patches }: ModelObject): number {
  return baseVersion + patches.length;
}

function isNamedBy(key: string, pattern: KeyPattern): boolean {
  const { applicationId, sessionId } = parseObjectKey(key);
  if (pattern.scope === "all") return true;
  if (pattern.scope === "object") return key === formatObjectKey(pattern.key);
  if (pattern.scope === "application") return applicationId === pattern.applicationId;
  return applicationId === pattern.applicationId && sessionId === pattern.sessionId;
}
