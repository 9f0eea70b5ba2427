/**
 * Listens to every call of node:fs that changes or syncs what lies under one directory, and keeps a
 * ModelDirectory of it.
 *
 * It records the calls, not the engine's own steps: a change that no step names is seen as well. A
 * change counts from the moment its call has returned, a sync for what had returned when it was
 * called: whatever the system did in between, this is less. A sync may be left out of the record:
 * so a test makes an engine that forgot it.
 */
import fs from "node:fs";
import path from "node:path";
import { ModelDirectory, ModelFile, type ModelNode, type Span } from "./disk-model.ts";

type Call = (...args: never[]) => unknown;
/** What a call that returned, or called back, means for the model. */
type Meaning = (result: unknown, args: readonly unknown[], span: Span) => void;

/** What is synced; `published` files were opened again for it. */
export type SyncedKind = "log" | "staged" | "published" | "directory";

interface OpenNode {
  readonly node: ModelNode;
  readonly kind: SyncedKind;
  /** Each write is durable when it returns. */
  readonly isWrittenThrough: boolean;
}

export class RecordedDisk {
  readonly tree: ModelDirectory;
  readonly #root: string;
  readonly #forgets: (kind: SyncedKind) => boolean;
  readonly #open = new Map<number, OpenNode>();
  readonly #restore: (() => void)[] = [];
  /** When a sync of the log began: what it is for is written, and not durable. */
  readonly logSyncs: number[] = [];
  #now = 0;

  /** @param forgets true for syncs that never happen. */
  constructor(root: string, forgets: (kind: SyncedKind) => boolean = () => false) {
    this.#root = root;
    this.#forgets = forgets;
    this.tree = ModelDirectory.lasting(root);
    const calls = fs as unknown as Record<string, Call>;
    const meanings = this.#meanings();
    for (const [name, meaning] of Object.entries(meanings)) {
      this.#listen(calls, name, meaning);
      if (`${name}Sync` in calls) this.#listen(calls, `${name}Sync`, meaning);
    }
    this.#listenToHandles();
  }

  /** The moment of now; each is another. */
  tick(): number {
    this.#now += 1;
    return this.#now;
  }

  stop(): void {
    for (const restore of this.#restore) restore();
  }

  #meanings(): Record<string, Meaning> {
    return {
      open: (fd, [file, flags], span) => this.#opened(fd as number, file as string, flags, span),
      writev: (_, [fd, chunks, position], span) =>
        this.#written(fd as number, chunks, position as number, span),
      mkdir: (_, [directory], span) => void this.#directory(directory as string, span),
      link: (_, [from, to], span) => this.#linked(from as string, to as string, span),
      rename: (_, [from, to], span) => this.#renamed(from as string, to as string, span),
      unlink: (_, [file], span) => this.#removed(file as string, span),
      rmdir: (_, [directory], span) => this.#removed(directory as string, span),
      fsync: (_, [fd], span) => this.#synced(fd as number, span),
      fdatasync: (_, [fd], span) => this.#synced(fd as number, span),
    };
  }

  #listen(calls: Record<string, Call>, name: string, meaning: Meaning): void {
    const original = calls[name] as (...args: unknown[]) => unknown;
    calls[name] = (...args: unknown[]): unknown => {
      const begin = this.tick();
      const done = args.at(-1);
      if (typeof done !== "function") {
        const result = original.apply(fs, args);
        meaning(result, args, { begin, end: this.tick() });
        return result;
      }
      const listening = (error: unknown, result: unknown): void => {
        if (error === null) meaning(result, args, { begin, end: this.tick() });
        (done as (error: unknown, result: unknown) => void)(error, result);
      };
      return original.apply(fs, [...args.slice(0, -1), listening]);
    };
    this.#restore.push(() => {
      calls[name] = original;
    });
  }

  /** Files that are opened by promise are written and synced by their descriptor. */
  #listenToHandles(): void {
    const { promises } = fs;
    const original = promises.open;
    promises.open = async (file, flags, mode) => {
      const begin = this.tick();
      const handle = await original.call(promises, file, flags, mode);
      this.#opened(handle.fd, String(file), flags, { begin, end: this.tick() });
      return handle;
    };
    this.#restore.push(() => {
      promises.open = original;
    });
  }

  #opened(fd: number, file: string, flags: unknown, span: Span): void {
    this.#open.delete(fd);
    if (!this.#isInside(file)) return;
    const isMade = flags === "wx" || flags === "wx+" || flags === "w";
    const known = this.#find(file);
    const node = isMade || known === undefined ? this.#made(file, isMade, span) : known;
    const isWrittenThrough = typeof flags === "number" && (flags & fs.constants.O_DSYNC) !== 0;
    this.#open.set(fd, { node, kind: this.#kindOf(file, node), isWrittenThrough });
  }

  #kindOf(file: string, node: ModelNode): SyncedKind {
    if (node.kind === "directory") return "directory";
    const [first] = this.#names(file);
    if (first === ".log") return "log";
    return first === ".staging" ? "staged" : "published";
  }

  #made(file: string, isFile: boolean, span: Span): ModelNode {
    if (!isFile) return this.#directory(file, span);
    const node = new ModelFile();
    this.#directory(path.dirname(file), span).change(path.basename(file), node, span);
    return node;
  }

  #written(fd: number, chunks: unknown, position: number, span: Span): void {
    const open = this.#open.get(fd);
    if (open?.node.kind !== "file") return;
    const isDurable = open.isWrittenThrough && !this.#forgets(open.kind);
    // The bytes are copied: blocks are used again.
    open.node.writes.push({ ...span, position, bytes: Buffer.concat(chunks as Buffer[]), isDurable });
  }

  #linked(from: string, to: string, span: Span): void {
    if (this.#isInside(from))
      this.#directory(path.dirname(to), span).change(path.basename(to), this.#find(from), span);
  }

  #renamed(from: string, to: string, span: Span): void {
    this.#linked(from, to, span);
    this.#removed(from, span);
  }

  #removed(file: string, span: Span): void {
    if (this.#isInside(file))
      this.#directory(path.dirname(file), span).change(path.basename(file), undefined, span);
  }

  #synced(fd: number, span: Span): void {
    const open = this.#open.get(fd);
    if (open?.kind === "log") this.logSyncs.push(span.begin);
    if (open !== undefined && !this.#forgets(open.kind)) open.node.syncs.push(span);
  }

  #isInside(file: string): boolean {
    return typeof file === "string" && (file === this.#root || file.startsWith(`${this.#root}/`));
  }

  #find(file: string): ModelNode | undefined {
    let node: ModelNode | undefined = this.tree;
    for (const name of this.#names(file)) node = node?.kind === "directory" ? node.get(name) : undefined;
    return node;
  }

  /** A directory that is there, made in the model where its making has not been heard of yet. */
  #directory(directory: string, span: Span): ModelDirectory {
    let node = this.tree;
    for (const name of this.#isInside(directory) ? this.#names(directory) : []) {
      const next = node.get(name) ?? new ModelDirectory();
      if (next.kind === "file") throw new Error(`${directory} leads through a file`);
      if (node.get(name) === undefined) node.change(name, next, span);
      node = next;
    }
    return node;
  }

  #names(file: string): string[] {
    return path
      .relative(this.#root, file)
      .split("/")
      .filter((name) => name !== "");
  }
}
