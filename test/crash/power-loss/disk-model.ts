/**
 * A disk: a power loss leaves what was synced, and of the rest whatever is worst.
 *
 * Each directory and file keeps its whole history. Time is a counter: every change and every sync
 * has a moment at which it began and one at which it had ended. A sync that had ended before the
 * cut keeps what had ended before the sync began. Everything else is open: each name may be as it
 * was at any later moment; the bytes of a file that was never synced are empty, cut, zeros or
 * whole; of a file that was synced, each later write is lost, cut at either end, zeros or whole for
 * itself. A write to a file that was opened with O_DSYNC is durable by itself. So the model promises
 * only what every file system does: no order of names, no order of writes, no bytes with a name, no
 * parent with a child.
 */
import fs from "node:fs";

export interface Span {
  readonly begin: number;
  readonly end: number;
}

interface NameChange extends Span {
  /** Undefined: the name was removed. */
  readonly node: ModelNode | undefined;
}

interface Write extends Span {
  readonly position: number;
  readonly bytes: Buffer;
  /** True if the disk has the bytes when the call has returned. */
  readonly isDurable?: boolean;
}

/** Picks one of `count` possibilities. */
export type Choose = (count: number) => number;

/** Before everything: what a disk has when a machine starts. */
const ALWAYS: Span = { begin: 0, end: 0 };

export class ModelFile {
  readonly kind = "file";
  readonly writes: Write[] = [];
  readonly syncs: Span[] = [];

  /** A file that a power loss leaves as it is. */
  static lasting(bytes: Buffer): ModelFile {
    const file = new ModelFile();
    file.writes.push({ ...ALWAYS, position: 0, bytes });
    return file;
  }

  survivor(cut: number, choose: Choose): Buffer {
    const begun = this.writes.filter(({ begin }) => begin <= cut);
    const kept = lastSyncBefore(this.syncs, cut);
    const lasts = ({ end, isDurable }: Write): boolean => end <= (isDurable === true ? cut : kept);
    if (!begun.some(lasts)) return torn(joined(begun), choose);
    return joined(begun.map((each) => (lasts(each) ? each : tornWrite(each, choose))));
  }
}

/** What is left of a write that nobody synced: also its second half alone. */
function tornWrite(write: Write, choose: Choose): Write {
  const half = write.bytes.length >> 1;
  if (choose(SECOND_HALVES) === 1)
    return { ...write, position: write.position + half, bytes: write.bytes.subarray(half) };
  return { ...write, bytes: torn(write.bytes, choose) };
}

/** One of so many writes leaves its second half. */
const SECOND_HALVES = 5;

/** What is left of bytes that nobody synced. */
function torn(bytes: Buffer, choose: Choose): Buffer {
  return [Buffer.alloc(0), bytes.subarray(0, bytes.length >> 1), Buffer.alloc(bytes.length), bytes][
    choose(4)
  ]!;
}

export class ModelDirectory {
  readonly kind = "directory";
  readonly syncs: Span[] = [];
  readonly #names = new Map<string, NameChange[]>();

  /** A real directory, whose content a power loss leaves as it is. */
  static lasting(path: string): ModelDirectory {
    const directory = new ModelDirectory();
    for (const entry of fs.readdirSync(path, { withFileTypes: true })) {
      const inner = `${path}/${entry.name}`;
      const node = entry.isDirectory()
        ? ModelDirectory.lasting(inner)
        : ModelFile.lasting(fs.readFileSync(inner));
      directory.change(entry.name, node, ALWAYS);
    }
    return directory;
  }

  /** What stands under a name now. */
  get(name: string): ModelNode | undefined {
    return this.#names.get(name)?.at(-1)?.node;
  }

  change(name: string, node: ModelNode | undefined, span: Span): void {
    const changes = this.#names.get(name) ?? [];
    changes.push({ ...span, node });
    this.#names.set(name, changes);
  }

  /** Writes what is left of it after a power loss at `cut` into a real directory. */
  survive(target: string, cut: number, choose: Choose): void {
    fs.mkdirSync(target, { recursive: true });
    const kept = lastSyncBefore(this.syncs, cut);
    for (const [name, changes] of this.#names) {
      // Before its first change there was nothing.
      const possible: (ModelNode | undefined)[] = [undefined];
      for (const { begin, end, node } of changes) {
        if (end <= kept) possible.length = 0;
        if (begin <= cut) possible.push(node);
      }
      const node = possible[choose(possible.length)];
      if (node?.kind === "directory") node.survive(`${target}/${name}`, cut, choose);
      if (node?.kind === "file") fs.writeFileSync(`${target}/${name}`, node.survivor(cut, choose));
    }
  }
}

export type ModelNode = ModelFile | ModelDirectory;

/** When the last sync began that had ended at `cut`; nothing ended before 0. */
function lastSyncBefore(syncs: readonly Span[], cut: number): number {
  return Math.max(0, ...syncs.filter(({ end }) => end <= cut).map(({ begin }) => begin));
}

function joined(writes: readonly Write[]): Buffer {
  const sizeBytes = Math.max(0, ...writes.map(({ position, bytes }) => position + bytes.length));
  const whole = Buffer.alloc(sizeBytes);
  for (const { position, bytes } of writes) bytes.copy(whole, position);
  return whole;
}
