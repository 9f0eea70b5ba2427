/**
 * What a put, a patch, a delete and a renewal do to a manifest: decisions without requests of their
 * own to manifests, which manifest-write.ts repeats until one of them is in the bucket.
 *
 * They write blobs only if head or tail of an object are too large for the manifest, or if its
 * small patches have to move into a segment.
 */
import { assert, CacheError } from "../../errors.ts";
import { LIMITS } from "../../limits.ts";
import type { ObjectKey } from "../../object/object-key.ts";
import type { Lifetime } from "../../object/object-metadata.ts";
import type { Bucket } from "../../s3/bucket.ts";
import { writeBlob } from "./blobs.ts";
import {
  type Content,
  contentOf,
  isExpired,
  type LiveObject,
  type Manifest,
  type ObjectFacts,
  type PatchTotals,
  type Span,
} from "./manifest.ts";
import type { ManifestState } from "./manifest-cache.ts";
import type { Decision } from "./manifest-write.ts";
import { withPatch } from "./patch-segments.ts";
import type { StoreClock, Timing } from "./timing.ts";

/** What a write requires of the object. A tombstone and an expired object count as absent. */
export type WriteCondition = { readonly ifVersion: number } | { readonly ifAbsent: true };

/** Why nothing was written. */
export type Refusal =
  /** The condition does not hold. `version`: the object's; absent if there is none. */
  | { readonly kind: "conflict"; readonly version?: number }
  | { readonly kind: "missing" }
  /** The lifetime stays. */
  | { readonly kind: "unchanged" }
  /** `accept` did not agree. */
  | { readonly kind: "rejected"; readonly error: CacheError };

/** What the head and the tail of a file say and only the write knows. */
export interface FrameFacts {
  readonly version: number;
  /** The version of the base: the same for a put. */
  readonly baseVersion: number;
  readonly lifetime?: Lifetime;
  /** The version of the object that a put replaces; absent if there is none. */
  readonly replaced?: number;
}

/** Bytes before and after the body. */
export interface Frame {
  readonly head: Uint8Array;
  /** Instead of the body, if it has bytes that depend on the version too. */
  readonly body?: readonly Span[];
  readonly tail: Uint8Array;
}

export type MakeFrame = (facts: FrameFacts) => Frame | Promise<Frame>;

/**
 * Checks the object that is replaced, patched or deleted; undefined if there is none. The error is
 * the refusal.
 */
export type Accept = (
  live: LiveObject | undefined,
  manifest: Manifest | undefined,
) => CacheError | undefined | Promise<CacheError | undefined>;

export interface PutTerms extends Omit<ObjectFacts, "lifetime"> {
  /**
   * Time to live from now on by the store's clock; Infinity: never expires. Absent: none of its
   * own.
   */
  readonly ttlMs?: number;
  /** Called for each attempt, because the version may change. Absent: the body is all there is. */
  readonly frame?: MakeFrame;
  readonly condition?: WriteCondition;
  readonly accept?: Accept;
}

export interface PatchTerms {
  readonly frame?: MakeFrame;
  readonly condition?: WriteCondition;
  readonly accept?: Accept;
  /** Another time to live of the object, as in PutTerms. Absent: unchanged. */
  readonly ttlMs?: number;
  readonly facts?: { readonly rowCount: number; readonly dataBytes: number };
}

export interface DeleteTerms {
  readonly condition?: WriteCondition;
  readonly accept?: Accept;
}

/** Another lifetime; undefined: it stays. The time is the store's. */
export type ChangeLifetime = (now: Lifetime | undefined, storeNowMs: number) => Lifetime | undefined;

/** What the changes need. */
export interface ChangeContext {
  readonly bucket: Bucket;
  readonly timing: Timing;
  readonly storeClock: StoreClock;
  storeNowMs(state: ManifestState): number;
  /** Above every version that a key without a manifest ever had. */
  versionFloor(): Promise<number>;
}

type Decided = Decision<Refusal>;

/** The object of a state; undefined if there is none or if its time has passed. */
export function liveOf(
  context: Pick<ChangeContext, "storeNowMs">,
  state: ManifestState,
): LiveObject | undefined {
  const { manifest } = state;
  return manifest === undefined || isExpired(manifest, context.storeNowMs(state)) ? undefined : manifest.live;
}

function refusalOf(
  context: ChangeContext,
  state: ManifestState,
  condition: WriteCondition | undefined,
): Decided | undefined {
  if (condition === undefined) return undefined;
  const version = liveOf(context, state) === undefined ? undefined : state.manifest?.version;
  const holds = "ifAbsent" in condition ? version === undefined : version === condition.ifVersion;
  if (holds) return undefined;
  return { kind: "refuse", refusal: { kind: "conflict", ...(version === undefined ? {} : { version }) } };
}

function versionAfter(version: number): number {
  if (version < LIMITS.versionMax) return version + 1;
  throw new CacheError("OBJECT_TOO_LARGE", `the key has reached the highest version, ${LIMITS.versionMax}`);
}

/** Every change comes after an answer of the store. */
function storeNowMs({ storeClock: { nowMs } }: ChangeContext): number {
  assert(nowMs !== undefined, "the store's clock is known when an object is written");
  return nowMs;
}

/** @param ttlMs Infinity: never. */
export function lifetimeFrom(nowMs: number, ttlMs: number): Lifetime {
  const isLimited = Number.isFinite(ttlMs);
  return isLimited
    ? { untilMs: nowMs + Math.ceil(ttlMs), ttlMs: Math.ceil(ttlMs) }
    : { untilMs: ttlMs, ttlMs: 0 };
}

/** A body that the bucket has, and the state that it meets. */
interface Write<Terms> {
  readonly key: ObjectKey;
  readonly body: Span;
  readonly terms: Terms;
  readonly state: ManifestState | undefined;
}

export async function decidePut(
  context: ChangeContext,
  { key, body, terms, state }: Write<PutTerms>,
): Promise<Decided> {
  const { frame, condition, ttlMs, accept, ...facts } = terms;
  const mustLook = accept !== undefined || (condition !== undefined && "ifVersion" in condition);
  if (state === undefined && mustLook) return { kind: "look" };
  const refusal = state && (refusalOf(context, state, condition) ?? (await rejected(context, state, accept)));
  if (refusal !== undefined) return refusal;
  // Without a manifest the floor is read, so that the store's time is known as well.
  const version = versionAfter(state?.manifest?.version ?? (await context.versionFloor()));
  const putAtMs = storeNowMs(context);
  const replaced = state && liveOf(context, state) && state.manifest?.version;
  const terminated = ttlMs === undefined ? {} : { lifetime: lifetimeFrom(putAtMs, ttlMs) };
  const base = await framed(context, key, body, {
    frame: await frame?.({ version, baseVersion: version, ...terminated, ...(replaced && { replaced }) }),
    frameBytesMax: LIMITS.manifestFrameBytesMax,
  });
  const live = { ...facts, ...terminated, baseVersion: version, putAtMs, base, segments: [], patches: [] };
  return { kind: "write", version, live };
}

export async function decidePatch(
  context: ChangeContext,
  { key, body, terms, state }: Write<PatchTerms>,
): Promise<Decided> {
  const manifest = state?.manifest;
  const live = state && liveOf(context, state);
  if (state === undefined) return { kind: "look" };
  if (manifest === undefined || live === undefined) return { kind: "refuse", refusal: { kind: "missing" } };
  const refusal = refusalOf(context, state, terms.condition);
  if (refusal !== undefined) return refusal;
  const unfit = await rejected(context, state, terms.accept);
  if (unfit !== undefined) return unfit;
  const error = tooManyPatches(manifest.version - live.baseVersion);
  if (error !== undefined) return { kind: "refuse", refusal: { kind: "rejected", error } };
  const version = versionAfter(manifest.version);
  const { baseVersion } = live;
  const { ttlMs, facts } = terms;
  const lifetime = ttlMs === undefined ? live.lifetime : lifetimeFrom(storeNowMs(context), ttlMs);
  const content = await framed(context, key, body, {
    frame: await terms.frame?.({ version, baseVersion, ...(lifetime && { lifetime }) }),
    frameBytesMax: LIMITS.patchFrameBytesMax,
  });
  const patched = facts && totalsWith(live.patched, { ...facts, storedBytes: content.sizeBytes });
  const terminated = { ...live, ...(lifetime && { lifetime }), ...(patched && { patched }) };
  return { kind: "write", version, live: await withPatch(context, key, terminated, { version, content }) };
}

export function totalsWith(now: PatchTotals | undefined, more: PatchTotals): PatchTotals {
  const { rowCount, dataBytes, storedBytes } = now ?? { rowCount: 0, dataBytes: 0, storedBytes: 0 };
  return {
    rowCount: rowCount + more.rowCount,
    dataBytes: dataBytes + more.dataBytes,
    storedBytes: storedBytes + more.storedBytes,
  };
}

async function rejected(
  context: ChangeContext,
  state: ManifestState,
  accept: Accept | undefined,
): Promise<Decided | undefined> {
  const error = await accept?.(liveOf(context, state), state.manifest);
  return error && { kind: "refuse", refusal: { kind: "rejected", error } };
}

function tooManyPatches(patches: number): CacheError | undefined {
  if (patches < LIMITS.patchesPerObjectMax) return undefined;
  const text = `the object has ${LIMITS.patchesPerObjectMax} patches: put the whole object again`;
  return new CacheError("OBJECT_TOO_LARGE", text);
}

/** A tombstone: the version stays, so that the next put has a higher one. */
export async function decideDelete(
  context: ChangeContext,
  state: ManifestState | undefined,
  { condition, accept }: DeleteTerms = {},
): Promise<Decided> {
  if (state === undefined) return { kind: "look" };
  const unfit = await rejected(context, state, accept);
  if (unfit !== undefined) return unfit;
  if (state.manifest === undefined || liveOf(context, state) === undefined) {
    return { kind: "refuse", refusal: { kind: "missing" } };
  }
  return refusalOf(context, state, condition) ?? { kind: "write", version: state.manifest.version };
}

/** A tombstone in place of an object whose time has passed. */
export function decideExpiry(context: ChangeContext, state: ManifestState | undefined): Decided {
  if (state === undefined) return { kind: "look" };
  const { manifest } = state;
  if (manifest?.live === undefined || !isExpired(manifest, context.storeNowMs(state))) {
    return { kind: "refuse", refusal: { kind: "missing" } };
  }
  return { kind: "write", version: manifest.version };
}

/** The same object with another time to live. The version stays. */
export function decideRenewal(
  context: ChangeContext,
  state: ManifestState | undefined,
  change: ChangeLifetime,
): Decided {
  if (state === undefined) return { kind: "look" };
  const live = liveOf(context, state);
  if (state.manifest === undefined || live === undefined)
    return { kind: "refuse", refusal: { kind: "missing" } };
  const lifetime = change(live.lifetime, context.storeNowMs(state));
  if (lifetime === undefined) return { kind: "refuse", refusal: { kind: "unchanged" } };
  return { kind: "write", version: state.manifest.version, live: { ...live, lifetime } };
}

/** Head, body and tail; a large head or tail is a blob of its own. */
async function framed(
  context: ChangeContext,
  key: ObjectKey,
  body: Span,
  { frame, frameBytesMax }: { readonly frame: Frame | undefined; readonly frameBytesMax: number },
): Promise<Content> {
  if (frame === undefined) return contentOf([body]);
  const spanOf = async (bytes: Uint8Array): Promise<Span> =>
    bytes.length <= frameBytesMax ? { kind: "inline", bytes } : await writeBlob(context, key, [bytes]);
  const content = contentOf([await spanOf(frame.head), ...(frame.body ?? [body]), await spanOf(frame.tail)]);
  if (content.spans.some((span) => span.kind === "blob") || content.sizeBytes > LIMITS.patchInlineBytesMax)
    return content;
  const bytes = Buffer.concat(content.spans.flatMap((span) => (span.kind === "inline" ? [span.bytes] : [])));
  return contentOf([{ kind: "inline", bytes }]);
}
