/**
 * The manifests that a replica remembers, up to a number of bytes; the least recently used are
 * forgotten first. A list touches every manifest once, so it neither marks one as used nor displaces
 * one: a list of more objects than fit still finds those that do.
 *
 * What is remembered may be out of date. A request that began before a newer state was remembered
 * does not replace it.
 */
import { LIMITS } from "../../limits.ts";
import type { Manifest, PatchEntry } from "./manifest.ts";

/** What the store said about a manifest. */
export interface ManifestState {
  /** Absent: there is none. */
  readonly manifest?: Manifest;
  readonly etag?: string;
  readonly sizeBytes: number;
  /** The store's `Date` of the answer, ms since 1970. */
  readonly dateMs: number;
  /** When the request began, by the replica's monotonic clock: the state is not older. */
  readonly askedMs: number;
}

interface Remembering {
  /** What was remembered when the request began. */
  readonly before: ManifestState | undefined;
  /** True: remembered only if it fits beside the others. */
  readonly isListed?: boolean;
}

export class ManifestCache {
  readonly #states = new Map<string, ManifestState>();
  readonly #bytesMax: number;
  #sizeBytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /** Does not mark it as used. */
  peek(name: string): ManifestState | undefined {
    return this.#states.get(name);
  }

  /** Marks it as used. */
  get(name: string): ManifestState | undefined {
    const state = this.#states.get(name);
    if (state === undefined) return undefined;
    this.#states.delete(name);
    this.#states.set(name, state);
    return state;
  }

  remember(name: string, state: ManifestState, { before, isListed = false }: Remembering): void {
    const current = this.#states.get(name);
    if (current !== before && current !== undefined && isOlder(state.manifest, current.manifest)) return;
    this.forget(name);
    const cost = costOf(name, state);
    if (isListed && this.#sizeBytes + cost > this.#bytesMax) return;
    this.#states.set(name, state);
    this.#sizeBytes += cost;
    for (const oldest of this.#states.keys()) {
      if (this.#sizeBytes <= this.#bytesMax) return;
      this.forget(oldest);
    }
  }

  forget(name: string): void {
    const state = this.#states.get(name);
    if (state === undefined) return;
    this.#states.delete(name);
    this.#sizeBytes -= costOf(name, state);
  }
}

/** A key starts again above the version of its tombstone, so the version comes first. */
function isOlder(one: Manifest | undefined, other: Manifest | undefined): boolean {
  if (one?.version !== other?.version) return (one?.version ?? -1) < (other?.version ?? -1);
  return (one?.changes ?? 0) < (other?.changes ?? 0);
}

/** Measured: test/unit/storage/s3/manifest-memory.test.ts. */
function costOf(name: string, { sizeBytes, manifest }: ManifestState): number {
  const live = manifest?.live;
  const pieces =
    live === undefined ? 0 : live.base.spans.length + live.segments.length + piecesOf(live.patches);
  return sizeBytes + 2 * name.length + LIMITS.manifestOverheadBytes + pieces * LIMITS.manifestPieceBytes;
}

function piecesOf(patches: readonly PatchEntry[]): number {
  return patches.reduce((sum, { content }) => sum + content.spans.length, 0);
}
