/**
 * The present state of one object together with its past: what `why` answers.
 *
 * explain-object.ts puts it into words.
 */
import { formatObjectKey, type ObjectKey } from "../../object/object-key.ts";
import type { ObjectKind } from "../../object/object-metadata.ts";
import type { IndexEntry } from "../index-entry.ts";
import type { Retaining } from "../retaining.ts";
import type { EventJournal } from "./event-journal.ts";
import type { ObjectEvent } from "./object-event.ts";

/** A readable object. */
export interface PresentObject {
  readonly version: number;
  readonly kind: ObjectKind;
  readonly rows: number;
  /** Bytes of the value, or of the bodies of a table. */
  readonly dataBytes: number;
  /** Bytes of its files. */
  readonly storedBytes: number;
  readonly patches: number;
  /** ms since 1970; undefined: unlimited. */
  readonly expiresAtMs: number | undefined;
  /** Names of the pins that apply: `app`, `app/session` or the key. */
  readonly pins: readonly string[];
  /** Running gets. */
  readonly readers: number;
  /** True if it is the oldest in its queue of the eviction policy, and was not read since it got there. */
  readonly isNextEvicted: boolean;
}

export interface ObjectStory {
  readonly key: string;
  /** Undefined if there is no object, or if it cannot be read. */
  readonly present: PresentObject | undefined;
  /** Why the object cannot be read. */
  readonly damage: string | undefined;
  /** Of the key and of the names above it, the newest first. */
  readonly events: readonly ObjectEvent[];
  /** The time of the oldest event that was searched, ms since 1970. */
  readonly sinceMs: number | undefined;
  /** False if the server keeps no journal. */
  readonly isRecorded: boolean;
}

export interface StoryHost {
  readonly retaining: Pick<Retaining, "lifetimeOf" | "pinsOf">;
  /** Undefined: nothing is recorded. */
  readonly events: EventJournal | undefined;
}

/** @param entry of the key now, even if damaged; undefined: there is no object. */
export async function tellStory(
  { retaining, events }: StoryHost,
  key: ObjectKey,
  entry: IndexEntry | undefined,
): Promise<ObjectStory> {
  const name = formatObjectKey(key);
  const { applicationId, sessionId } = key;
  const present =
    entry === undefined || entry.damage !== undefined
      ? undefined
      : {
          ...factsOf(entry),
          expiresAtMs: retaining.lifetimeOf(entry)?.untilMs,
          pins: retaining.pinsOf(key),
        };
  const found = await events?.find([name, `${applicationId}/${sessionId}`, applicationId]);
  return {
    key: name,
    present,
    damage: entry?.damage,
    events: found?.events ?? [],
    sinceMs: found?.sinceMs,
    isRecorded: events !== undefined,
  };
}

function factsOf(entry: IndexEntry) {
  const { version, kind, rowCount: rows, dataBytes, storedBytes, patchCount: patches, readers } = entry;
  // A policy has several queues, so this is an estimate. Without eviction, no queue has the entry.
  const isNextEvicted = entry.queue !== undefined && entry.older === undefined && entry.uses === 0;
  return { version, kind, rows, dataBytes, storedBytes, patches, readers, isNextEvicted };
}
