/**
 * The index: finds objects in O(1), nested by application and session, so that a prefix is deleted
 * or listed without touching other objects.
 *
 * It can always be rebuilt from the storage directory.
 */
import { type KeyPattern, type ObjectKey, ownText, type SessionPrefix } from "../object/object-key.ts";
import { EntryTable, type TableCursor } from "./entry-table.ts";
import type { IndexEntry } from "./index-entry.ts";

/** A session that contains objects. */
export interface IndexedSession extends SessionPrefix {
  readonly entries: EntryTable;
}

/** The objects of one session; entries refer to it to share its names. */
class SessionObjects implements IndexedSession {
  readonly applicationId: string;
  readonly sessionId: string;
  readonly entries = new EntryTable();

  constructor(applicationId: string, sessionId: string) {
    this.applicationId = applicationId;
    this.sessionId = sessionId;
  }

  /** @returns the previous entry of that name. */
  set(entry: IndexEntry): IndexEntry | undefined {
    const old = this.entries.set(entry);
    entry.share(this, old?.objectId ?? ownText(entry.objectId));
    return old;
  }

  /** @returns false if there is one of that name, which stays. */
  addNew(entry: IndexEntry): boolean {
    if (!this.entries.addNew(entry)) return false;
    entry.share(this, entry.objectId);
    return true;
  }
}

type Sessions = Map<string, SessionObjects>;

export class ObjectIndex {
  readonly #applications = new Map<string, Sessions>();
  #size = 0;

  /** Number of objects, including damaged ones. */
  get size(): number {
    return this.#size;
  }

  get(key: ObjectKey): IndexEntry | undefined {
    return this.#applications.get(key.applicationId)?.get(key.sessionId)?.entries.get(key.objectId);
  }

  /** Adds an entry under its key. @returns the previous one. */
  set(entry: IndexEntry): IndexEntry | undefined {
    const old = this.#sessionOf(entry.key).set(entry);
    if (old === undefined) this.#size += 1;
    return old;
  }

  /**
   * Adds an entry that a scan found: its id is a text of its own, and is not copied.
   * @returns false if there is one under its key, which stays.
   */
  addNew(entry: IndexEntry): boolean {
    const isNew = this.#sessionOf(entry.key).addNew(entry);
    if (isNew) this.#size += 1;
    return isNew;
  }

  #sessionOf({ applicationId, sessionId }: SessionPrefix): SessionObjects {
    const sessions = getOrAdd(this.#applications, applicationId, () => new Map());
    return getOrAdd(sessions, sessionId, () => new SessionObjects(applicationId, sessionId));
  }

  delete(key: ObjectKey): void {
    const sessions = this.#applications.get(key.applicationId);
    const session = sessions?.get(key.sessionId);
    if (sessions === undefined || session === undefined || !session.entries.delete(key.objectId)) return;
    this.#size -= 1;
    if (session.entries.size === 0) sessions.delete(key.sessionId);
    if (sessions.size === 0) this.#applications.delete(key.applicationId);
  }

  /** The sessions of an application that contain objects. */
  sessions(applicationId: string): string[] {
    return [...(this.#applications.get(applicationId)?.keys() ?? [])];
  }

  /**
   * Entries that match the pattern, in insertion order; entries may be added and removed meanwhile.
   */
  *entries(pattern: KeyPattern): Generator<[ObjectKey, IndexEntry]> {
    if (pattern.scope === "object") {
      const entry = this.get(pattern.key);
      if (entry !== undefined) yield [pattern.key, entry];
      return;
    }
    const reader = this.reader(pattern);
    try {
      for (const entry of reader.read()) yield [entry.key, entry];
    } finally {
      reader.close();
    }
  }

  /** The same, resumable when more was found. */
  reader(pattern: Exclude<KeyPattern, { scope: "object" }>): IndexReader {
    return new IndexReader(() => this.sessionsOf(pattern));
  }

  /** The sessions of a pattern; sessions may be added and removed meanwhile. */
  *sessionsOf(pattern: Exclude<KeyPattern, { scope: "object" }>): Generator<IndexedSession> {
    const wanted = pattern.scope === "all" ? undefined : pattern.applicationId;
    const wantedSession = pattern.scope === "session" ? pattern.sessionId : undefined;
    for (const sessions of pick(this.#applications, wanted)) yield* pick(sessions, wantedSession);
  }
}

/** Reads entries, each once, and can be asked for more repeatedly. Close it. */
export class IndexReader {
  readonly #sessions: () => Iterable<IndexedSession>;
  readonly #cursors = new Map<IndexedSession, TableCursor>();

  constructor(sessions: () => Iterable<IndexedSession>) {
    this.#sessions = sessions;
  }

  /** Sessions read so far. */
  get sessionCount(): number {
    return this.#cursors.size;
  }

  /** All entries that were not read before. */
  *read(): Generator<IndexEntry, void, void> {
    for (const session of this.#sessions()) {
      const { entries } = session;
      let cursor = this.#cursors.get(session);
      if (cursor === undefined) {
        cursor = entries.open();
        this.#cursors.set(session, cursor);
      }
      for (let entry = entries.next(cursor); entry; entry = entries.next(cursor)) yield entry;
    }
  }

  close(): void {
    for (const [{ entries }, cursor] of this.#cursors) entries.close(cursor);
    this.#cursors.clear();
  }
}

/** One value of a map, or all of them. */
function pick<V>(map: ReadonlyMap<string, V>, key: string | undefined): Iterable<V> {
  if (key === undefined) return map.values();
  const value = map.get(key);
  return value === undefined ? [] : [value];
}

function getOrAdd<V>(map: Map<string, V>, key: string, make: () => V): V {
  const found = map.get(key);
  if (found !== undefined) return found;
  const made = make();
  map.set(key, made);
  return made;
}
