/**
 * The rows of the tree that are open, found by their number without listing them all. Pure.
 *
 *     application                 one row
 *       session                   one row, if the application is open
 *         object                  a block of rows, if the session is open
 *         (loading, or failed)    one row
 *
 * Cost: building takes one step for each application and open session, a look-up a binary search;
 * objects cost nothing until they are on the screen.
 */
import type { ListedObject, Usage, UsageSums } from "../api/answers.ts";

export interface LoadedSession {
  readonly objects: readonly ListedObject[];
  readonly isComplete: boolean;
  readonly failure: string | undefined;
}

export type TreeRow =
  | { readonly kind: "application"; readonly id: string; readonly name: string; readonly sums: UsageSums }
  | { readonly kind: "session"; readonly id: string; readonly name: string; readonly sums: UsageSums }
  | { readonly kind: "object"; readonly id: string; readonly object: ListedObject }
  | { readonly kind: "note"; readonly id: string; readonly level: number; readonly text: string };

export interface TreeState {
  readonly usage: Usage;
  /** Ids of open rows: `app`, `app/session`. */
  readonly open: ReadonlySet<string>;
  readonly loaded: ReadonlyMap<string, LoadedSession>;
  /** The beginning of the keys to show. Rows that it names completely are open. */
  readonly prefix: string;
}

interface Block {
  /** Number of its first row. */
  readonly first: number;
  readonly length: number;
  rowAt(index: number): TreeRow;
}

export class TreeRows {
  readonly length: number;
  readonly #blocks: readonly Block[];

  constructor(state: TreeState) {
    const builder = new Builder(state);
    for (const application of state.usage.applications) builder.addApplication(application);
    this.#blocks = builder.blocks;
    this.length = builder.length;
  }

  at(number: number): TreeRow | undefined {
    const block = this.#blocks[this.#blockOf(number)];
    return block === undefined || number < block.first ? undefined : block.rowAt(number - block.first);
  }

  /** The number of the session or application that a row is in; of an application, its own. */
  parentOf(number: number): number {
    const level = levelOf(this.at(number));
    let block = this.#blockOf(number);
    for (; block > 0; block -= 1) {
      const { first } = this.#blocks[block]!;
      if (levelOf(this.at(first)) < level) return first;
    }
    return 0;
  }

  /** Index of the block that has the row, by bisection. */
  #blockOf(number: number): number {
    let low = 0;
    let high = this.#blocks.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const { first, length } = this.#blocks[middle]!;
      if (number >= first + length) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** As `aria-level`: 1 for an application. */
export function levelOf(row: TreeRow | undefined): number {
  switch (row?.kind) {
    case "session":
      return 2;
    case "object":
      return 3;
    case "note":
      return row.level;
    default:
      return 1;
  }
}

const NOTHING: UsageSums = { objects: 0, data_bytes: 0, stored_bytes: 0 };

class Builder {
  readonly blocks: Block[] = [];
  length = 0;
  readonly #state: TreeState;
  readonly #wanted: readonly string[];

  constructor(state: TreeState) {
    this.#state = state;
    this.#wanted = state.prefix.split("/");
  }

  addApplication({
    application: name,
    sessions,
    other_sessions: others,
    ...sums
  }: Usage["applications"][number]) {
    const [wanted = "", ...deeper] = this.#wanted;
    if (deeper.length === 0 ? !name.startsWith(wanted) : name !== wanted) return;
    this.#add({ kind: "application", id: name, name, sums });
    if (!this.#state.open.has(name)) return;
    for (const session of sessions) this.#addSession(name, session.session, session);
    if (others.sessions === 0) return;
    const [session, object] = deeper;
    const isNamed = sessions.some((each) => each.session === session);
    // Its sums are not known, but its objects can be listed.
    if (session && object !== undefined && !isNamed) this.#addSession(name, session, NOTHING);
    const text = `${others.sessions} smaller sessions are not listed: search for app/session`;
    this.#add({ kind: "note", id: `${name}//`, level: 2, text });
  }

  #addSession(application: string, name: string, sums: UsageSums): void {
    const [, wanted = "", wantedObject] = this.#wanted;
    if (wantedObject === undefined ? !name.startsWith(wanted) : name !== wanted) return;
    const id = `${application}/${name}`;
    this.#add({ kind: "session", id, name, sums });
    if (!this.#state.open.has(id)) return;
    this.#addObjects(id, wantedObject ?? "");
  }

  #addObjects(id: string, wanted: string): void {
    const { objects = [], isComplete = false, failure } = this.#state.loaded.get(id) ?? {};
    const start = `${id}/${wanted}`;
    const shown = wanted === "" ? objects : objects.filter(({ key }) => key.startsWith(start));
    this.#addBlock(shown.length, (index) => ({
      kind: "object",
      id: shown[index]!.key,
      object: shown[index]!,
    }));
    if (failure !== undefined) this.#add({ kind: "note", id: `${id}/!`, level: 3, text: failure });
    else if (!isComplete) this.#add({ kind: "note", id: `${id}/…`, level: 3, text: "loading …" });
  }

  #add(row: TreeRow): void {
    this.#addBlock(1, () => row);
  }

  #addBlock(length: number, rowAt: (index: number) => TreeRow): void {
    if (length === 0) return;
    this.blocks.push({ first: this.length, length, rowAt });
    this.length += length;
  }
}
