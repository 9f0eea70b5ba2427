/**
 * Clients that put, patch, replace and delete at the same time, and write down what they were told
 * and when.
 *
 * Each has one key of its own and does one thing after the other, so that what its key may hold is
 * known at any moment. They share sessions and applications, whose directories come and go under
 * them, and syncs.
 */
import { createHash } from "node:crypto";
import type { IndexedCache } from "../../../src/cache/indexed-cache.ts";
import { isCacheError } from "../../../src/errors.ts";
import { parseObjectKey } from "../../../src/object/object-key.ts";
import type { StoredObject } from "../../../src/object/stored-blocks.ts";
import type { Durability } from "../../../src/storage/object-storage.ts";
import { patch, put, putTable } from "../../unit/cache/cache-fixture.ts";

export interface Action {
  readonly kind: "put" | "large" | "table" | "stream" | "patch" | "delete" | "deleteSession";
  readonly durability: Durability;
}

/** What a key held after one action. */
export interface Told {
  readonly kind: Action["kind"];
  readonly durability: Durability;
  /** Moments. */
  readonly asked: number;
  readonly answered: number;
  /** Version and digest of all bytes, `absent`, or why it cannot be read. */
  readonly state: string;
  /** The highest version that the key has had. */
  readonly highest: number;
}

/**
 * @param options `tick` gives the moment of now, `text` what the values begin with.
 * @returns what the client was told, in order.
 */
export async function runClient(
  cache: IndexedCache,
  key: string,
  actions: readonly Action[],
  { tick, text }: { readonly tick: () => number; readonly text: string },
): Promise<Told[]> {
  const told: Told[] = [];
  for (const [index, { kind, durability }] of actions.entries()) {
    const asked = tick();
    await act(cache, key, { kind, durability }, `${text} ${index} `);
    const answered = tick();
    const state = await stateOf(cache, key);
    const highest = Math.max(versionOf(state), told.at(-1)?.highest ?? 0);
    told.push({ kind, durability, asked, answered, state, highest });
  }
  return told;
}

async function act(
  cache: IndexedCache,
  key: string,
  { kind, durability }: Action,
  text: string,
): Promise<void> {
  if (kind === "delete") {
    await cache.delete({ scope: "object", key: parseObjectKey(key) }, durability);
  } else if (kind === "deleteSession") {
    const { applicationId, sessionId } = parseObjectKey(key);
    await cache.delete({ scope: "session", applicationId, sessionId }, durability);
  } else if (kind === "table" || kind === "stream") {
    await putTable(cache, key, kind === "table" ? PLAIN_TABLE : REPLACING_TABLE, durability);
  } else {
    // A patch of what cannot be patched is a put: every action changes the key.
    const found = kind === "patch" ? await cache.find(parseObjectKey(key)) : undefined;
    const isPatch = found?.kind === "opaque" && found.damage === undefined;
    const value = text.repeat(kind === "large" ? LARGE : 20);
    if (!isPatch || !(await isPatched(cache, key, value, durability)))
      await put(cache, key, value, durability);
  }
}

/** False for an object that the power loss before has torn, which nobody had found yet. */
async function isPatched(
  cache: IndexedCache,
  key: string,
  value: string,
  durability: Durability,
): Promise<boolean> {
  try {
    await patch(cache, key, value, durability);
    return true;
  } catch (error) {
    if (isCacheError(error, "OBJECT_CORRUPT")) return false;
    throw error;
  }
}

/** Times a text of at least ten bytes: more than goes through the log. */
const LARGE = 7_000;
const PLAIN_TABLE = "nested";
/** Kept as a stream: a put over the other form removes a file. */
const REPLACING_TABLE = "replaced";

/** The version in a state; 0 without one. */
export function versionOf(state: string): number {
  return Number(state.split(" ")[1] ?? 0);
}

/** What a get of the key would give, in short. */
export async function stateOf(cache: IndexedCache, key: string): Promise<string> {
  try {
    const { reading, base } = await cache.open(parseObjectKey(key), () => true);
    const digest = createHash("sha256");
    try {
      await addBytes(digest, base!);
      for (let version = reading.baseVersion + 1; version <= reading.version; version += 1) {
        await reading.withPatch(version, (patch) => addBytes(digest, patch));
      }
      return `${reading.kind} ${reading.version} ${digest.digest("hex")}`;
    } finally {
      reading.close();
    }
  } catch (error) {
    if (isCacheError(error, "OBJECT_NOT_FOUND")) return "absent";
    if (isCacheError(error, "OBJECT_CORRUPT")) return "damaged";
    throw error;
  }
}

async function addBytes(digest: ReturnType<typeof createHash>, object: StoredObject): Promise<void> {
  for (const { position, sizeBytes } of object.dataRanges) {
    digest.update(await object.source.read(position, sizeBytes));
  }
  if (object.kind === "opaque") return;
  for (const { block } of object.batches) {
    const sizeBytes = block.metadataSizeBytes + block.bodySizeBytes;
    digest.update(await object.source.read(block.position, sizeBytes));
  }
}
