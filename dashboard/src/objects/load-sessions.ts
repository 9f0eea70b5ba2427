/**
 * Loads the objects of open sessions, page by page, and keeps them while the view is open.
 *
 * The pages of one session follow one another, because each one names the next. What has come is
 * shown at once; the list is sorted when it is complete.
 */
import type { ListedObject, ObjectPage } from "../api/answers.ts";
import { compareBy, type Order } from "./order.ts";
import type { LoadedSession } from "./tree-rows.ts";

const PAGE_OBJECTS = 5_000;
/** A session with more objects is shown up to here. */
const OBJECTS_MAX = 200_000;

export type FetchPage = (path: string, signal: AbortSignal) => Promise<ObjectPage>;

export class SessionLoader {
  readonly loaded = new Map<string, LoadedSession>();
  readonly #fetchPage: FetchPage;
  readonly #changed: () => void;
  readonly #ended = new AbortController();
  #order: Order;

  constructor(fetchPage: FetchPage, order: Order, changed: () => void) {
    this.#fetchPage = fetchPage;
    this.#order = order;
    this.#changed = changed;
  }

  /** Begins to load a session, unless it is loaded or being loaded. */
  open(id: string): void {
    if (this.loaded.has(id)) return;
    this.loaded.set(id, { objects: [], isComplete: false, failure: undefined });
    void this.#load(id);
  }

  /** Sorts what is loaded, and what will be. */
  sort(order: Order): void {
    this.#order = order;
    for (const [id, session] of this.loaded) {
      if (!session.isComplete) continue;
      this.loaded.set(id, { ...session, objects: session.objects.toSorted(compareBy(order)) });
    }
    this.#changed();
  }

  close(): void {
    this.#ended.abort();
  }

  async #load(id: string): Promise<void> {
    const { signal } = this.#ended;
    let objects: ListedObject[] = [];
    try {
      for (let after: string | null = ""; after !== null && objects.length < OBJECTS_MAX; ) {
        const query = new URLSearchParams({ prefix: `${id}/`, limit: String(PAGE_OBJECTS) });
        if (after !== "") query.set("after", after);
        const page: ObjectPage = await this.#fetchPage(`/v1/objects?${query}`, signal);
        objects = objects.concat(page.objects);
        after = page.next;
        if (after !== null) this.#set(id, { objects, isComplete: false, failure: undefined });
      }
      objects.sort(compareBy(this.#order));
      this.#set(id, { objects, isComplete: true, failure: undefined });
    } catch (error) {
      if (signal.aborted) return;
      this.#set(id, {
        objects,
        isComplete: false,
        failure: error instanceof Error ? error.message : String(error),
      });
    }
  }

  #set(id: string, session: LoadedSession): void {
    if (this.#ended.signal.aborted) return;
    this.loaded.set(id, session);
    this.#changed();
  }
}
