/**
 * Sets up V8 for a process whose memory lies outside of the heap, and decides when its garbage is collected.
 *
 * Every read of a socket is 64 KiB outside of the heap, garbage at once, and freed by the next cheap collection of young
 * objects. But V8 counts these bytes as growth of a heap of 12 MB, and starts a full collection for each 16 MB that
 * pass: half of the time of a put of a large object. With a growth of 300 percent, V8's own upper bound, it is
 * one in twenty of them. Then the heap may grow fourfold, and 64 MiB of garbage gather outside of it. So where
 * the process uses more than its objects and a fixed room, a cheap collection frees what is young, and where that is not
 * enough V8 is made to begin a full one, in steps of a few milliseconds.
 * The options hold for the whole process, so only the command sets them, never a host's thread.
 * Measured by `node --trace-gc` and by `npx tsx test/hostile/run-attack.ts`.
 */
import { getHeapStatistics, setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { free } from "../storage/free-memory.ts";

const MIB = 2 ** 20;

const GROWTH_PERCENT = 300;
/** What the process uses beside its objects before garbage is looked at: heap, calls, what is staged, and pools. */
const ROOM_BYTES = 80 * MIB;
/** How often its use is looked at, ms; a look costs microseconds. */
const LOOK_INTERVAL_MS = 20;
/** A growth that is worth a cheap collection, a millisecond. */
const CHEAP_BYTES = 8 * MIB;
/** Full collections, some 50 ms each in small steps, follow each other no sooner, ms. */
const FULL_PAUSE_MS = 100;
/** V8 begins a full collection when 64 MiB outside of its heap have come since the last one. */
const BALLAST_BYTES = 96 * MIB;
/** Below this share of its time the event loop is idle: a pause of some 20 ms hurts nobody. */
const IDLE_UTILIZATION = 0.05;
/** How long the loop is watched before it is called idle, ms. */
const IDLE_MS = 2_000;
/** After so much work there may be garbage worth looking for, ms. */
const WORK_MS = 100;

type Collect = (options?: { readonly type: "minor" }) => void;

/** Call it before anything else runs: what is offered holds for contexts that are made later. */
export function prepareMemory(): void {
  setFlagsFromString(`--heap-growing-percent=${GROWTH_PERCENT}`);
  // Node 20 has it behind this flag; storage/free-memory.ts looks for it.
  setFlagsFromString("--harmony-rab-gsab-transfer");
  setFlagsFromString("--expose-gc");
}

/**
 * Collects where more is used than objects and the process need, and once after each burst of work.
 * @param objectsBytesMax the setting `eviction.max_memory`.
 * @returns a way to stop.
 */
export function collectGarbage(objectsBytesMax: number): () => void {
  const collect = runInNewContext("gc") as Collect;
  const excess = new ExcessCollection(collect, objectsBytesMax + ROOM_BYTES);
  const idle = new IdleCollection(collect);
  const timers = [
    setInterval(() => excess.look(), LOOK_INTERVAL_MS).unref(),
    setInterval(() => idle.look(), IDLE_MS).unref(),
  ];
  return () => timers.forEach(clearInterval);
}

class ExcessCollection {
  readonly #collect: Collect;
  /** Above it garbage is looked at. */
  readonly #bytesMax: number;
  /** What was used after the last cheap collection, or less. */
  #leastBytes = 0;
  /** What was used when the last full one began, the least that was used since, and when it began. */
  #fullBytes = 0;
  #sinceFullBytes = 0;
  #fullSinceMs = 0;

  constructor(collect: Collect, bytesMax: number) {
    this.#collect = collect;
    this.#bytesMax = bytesMax;
  }

  look(): void {
    let used = usedBytes();
    if (used > this.#bytesMax && used - this.#leastBytes >= CHEAP_BYTES) {
      this.#collect({ type: "minor" });
      used = usedBytes();
      this.#leastBytes = used;
    }
    this.#leastBytes = Math.min(this.#leastBytes, used);
    this.#sinceFullBytes = Math.min(this.#sinceFullBytes, used);
    if (used > this.#bytesMax && this.#isFullWorthIt(used)) this.#beginFull(used);
  }

  /** The last one freed much, so that as much may have died while it ran, or there is much that came after it. */
  #isFullWorthIt(used: number): boolean {
    if (performance.now() - this.#fullSinceMs < FULL_PAUSE_MS) return false;
    return Math.max(this.#fullBytes, used) - this.#sinceFullBytes >= CHEAP_BYTES;
  }

  /** Memory that nobody touches takes no room; V8 counts it all the same, and begins to mark. */
  #beginFull(used: number): void {
    free(Buffer.allocUnsafeSlow(BALLAST_BYTES).buffer);
    this.#fullBytes = used;
    this.#sinceFullBytes = used;
    this.#fullSinceMs = performance.now();
  }
}

function usedBytes(): number {
  const { used_heap_size: heapBytes, external_memory: externalBytes } = getHeapStatistics();
  return heapBytes + externalBytes;
}

/** An idle process starts no collection at all, and would keep what a burst of calls left behind. */
class IdleCollection {
  readonly #collect: Collect;
  #before = performance.eventLoopUtilization();
  #collectedAt = this.#before;
  #isSwept = true;

  constructor(collect: Collect) {
    this.#collect = collect;
  }

  look(): void {
    const now = performance.eventLoopUtilization();
    const { utilization } = performance.eventLoopUtilization(now, this.#before);
    this.#before = now;
    if (utilization > IDLE_UTILIZATION) return;
    const workedMs = performance.eventLoopUtilization(now, this.#collectedAt).active;
    // The second, cheap one counts what the first has freed meanwhile.
    if (workedMs >= WORK_MS) this.#collect();
    else if (!this.#isSwept) this.#collect({ type: "minor" });
    else return;
    this.#isSwept = workedMs < WORK_MS;
    this.#collectedAt = performance.eventLoopUtilization();
  }
}
