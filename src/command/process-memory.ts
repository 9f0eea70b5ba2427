/**
 * Configures V8 for a process whose memory lies outside the heap, and decides when to collect its
 * garbage.
 *
 * Each socket read allocates 64 KiB outside the heap. They are garbage at once, and the next cheap
 * collection of young objects frees them. V8 counts them as growth of a heap of 12 MB and starts a
 * full collection every 16 MB, which takes half of the time of a large put. With a growth of 300
 * percent, the most V8 accepts, it takes a twentieth. But then the heap may grow fourfold, and
 * 64 MiB of garbage may gather outside of it. So above `max_memory` and ROOM_BYTES this file runs
 * cheap collections, and if they free too little, it makes V8 start a full one. V8 runs that in
 * steps of a few milliseconds.
 * The options affect the whole process, so only the command sets them, never an embedding host.
 * Measured by `node --trace-gc` and by `npx tsx test/hostile/run-attack.ts`.
 */
import { getHeapStatistics, setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { LoopUse } from "../busy-poll.ts";
import { free } from "../storage/free-memory.ts";
import { growYoungGeneration, prepareYoungGenerations, stopYoungGrowth } from "./young-generation.ts";

const MIB = 2 ** 20;

const GROWTH_PERCENT = 300;
/** Memory beside the objects that needs no collection: heap, calls, staged bytes, and pools. */
const ROOM_BYTES = 80 * MIB;
/** How often the memory in use is checked while it changes, and while it does not, ms. */
const LOOK_INTERVAL_MS = 20;
const CALM_LOOK_INTERVAL_MS = 100;
/** A smaller change than this between two checks is calm: the checks themselves make some. */
const CALM_BYTES = MIB / 4;
/** Growth that is worth a cheap collection, which takes a millisecond. */
const CHEAP_BYTES = 8 * MIB;
/** Growth that is worth a full collection, as a part of the heap: a collection visits all of it. */
const FULL_HEAP_PART = 1 / 4;
/** Minimum time between two full collections, ms. Each takes about 50 ms in small steps. */
const FULL_PAUSE_MS = 100;
/** V8 starts a full collection after 64 MiB of new memory outside its heap. */
const FULL_TRIGGER_BYTES = 96 * MIB;
/** Below this part of the time at work the event loop is idle: a pause of 20 ms delays no call. */
const IDLE_PART = 0.05;
/** Period over which that is measured, ms. */
const IDLE_MS = 2_000;
/** Less work than this, ms, leaves too little garbage to collect. */
const WORK_MS = 100;
/** Growth since the last idle time that is worth a full collection. */
const GROWTH_BYTES = 16 * MIB;
/** Collections that a hidden class survives without an object. */
const MAP_AGE_MAX = 1_000_000;

type Collect = (options: { readonly type: "minor" }) => void;

/** Call it before anything else runs: the flags affect only contexts that are created later. */
export function prepareMemory(): void {
  setFlagsFromString(`--heap-growing-percent=${GROWTH_PERCENT}`);
  // Node 20 has it behind this flag; storage/free-memory.ts looks for it.
  setFlagsFromString("--harmony-rab-gsab-transfer");
  setFlagsFromString("--expose-gc");
  // A collection between two bursts finds no open call. Without this, V8 would discard the hidden
  // classes of calls, and with them all compiled code: calls then take twice as long for seconds.
  // V8's own collections of a process that is idle for 8 s discard them all the same: the first line
  // of cli.ts disables them, which is only possible at the start of the process.
  setFlagsFromString(`--retain-maps-for-n-gc=${MAP_AGE_MAX}`);
  prepareYoungGenerations();
}

/**
 * Collects when the process uses more than its objects and ROOM_BYTES, and after each burst of work.
 * @param objectsBytesMax the setting `eviction.max_memory`, and the bound of manifests of a bucket.
 * @returns a function that stops it.
 */
export function collectGarbage(objectsBytesMax: number): () => void {
  const collect = runInNewContext("gc") as Collect;
  const collectYoung = (): void => collect({ type: "minor" });
  const excess = new ExcessCollection(collectYoung, objectsBytesMax + ROOM_BYTES);
  const idle = new IdleCollection(collectYoung);
  growYoungGeneration(collectYoung);
  const timers = [
    setInterval(() => idle.look(), IDLE_MS).unref(),
    setInterval(stopYoungGrowth, CALM_LOOK_INTERVAL_MS).unref(),
  ];
  excess.start();
  return () => {
    timers.forEach(clearInterval);
    excess.stop();
  };
}

/** Collects while the process uses more memory than it should. */
class ExcessCollection {
  readonly #collectYoung: () => void;
  /** No collection below this use. */
  readonly #bytesMax: number;
  /** Lowest use since the last cheap collection. */
  #leastBytes = 0;
  /** Use at the start of the last full collection, the lowest use since, and its start time. */
  #fullBytes = 0;
  #sinceFullBytes = 0;
  #fullSinceMs = 0;
  /** Use at the last look. */
  #lastBytes = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(collectYoung: () => void, bytesMax: number) {
    this.#collectYoung = collectYoung;
    this.#bytesMax = bytesMax;
  }

  start(): void {
    const before = this.#lastBytes;
    this.#look();
    const isCalm = Math.abs(this.#lastBytes - before) < CALM_BYTES;
    const waitMs = isCalm ? CALM_LOOK_INTERVAL_MS : LOOK_INTERVAL_MS;
    this.#timer = setTimeout(() => this.start(), waitMs).unref();
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  #look(): void {
    let used = usedBytes();
    if (used > this.#bytesMax && used - this.#leastBytes >= CHEAP_BYTES) {
      this.#collectYoung();
      used = usedBytes();
      this.#leastBytes = used;
    }
    this.#leastBytes = Math.min(this.#leastBytes, used);
    this.#sinceFullBytes = Math.min(this.#sinceFullBytes, used);
    if (used > this.#bytesMax && this.#isFullWorthIt(used)) this.#beginFull(used);
    this.#lastBytes = used;
  }

  /**
   * True if the last full collection freed much, because as much may have become garbage while it
   * ran, or if the use grew much since.
   */
  #isFullWorthIt(used: number): boolean {
    if (performance.now() - this.#fullSinceMs < FULL_PAUSE_MS) return false;
    const { used_heap_size: heapBytes } = getHeapStatistics();
    const worthBytes = Math.max(CHEAP_BYTES, heapBytes * FULL_HEAP_PART);
    return Math.max(this.#fullBytes, used) - this.#sinceFullBytes >= worthBytes;
  }

  #beginFull(used: number): void {
    beginFullCollection();
    this.#fullBytes = used;
    this.#sinceFullBytes = used;
    this.#fullSinceMs = performance.now();
  }
}

/**
 * V8 counts untouched memory, which uses no physical memory, and starts to mark. `gc()` would
 * discard compiled code.
 */
function beginFullCollection(): void {
  try {
    free(Buffer.allocUnsafeSlow(FULL_TRIGGER_BYTES).buffer);
  } catch {
    // The system limits virtual memory. V8 collects on its own before an allocation fails.
  }
}

function usedBytes(): number {
  const { used_heap_size: heapBytes, external_memory: externalBytes } = getHeapStatistics();
  return heapBytes + externalBytes;
}

/** Collects after a burst of calls: V8 starts no collection in an idle process. */
class IdleCollection {
  readonly #collectYoung: () => void;
  readonly #lately = new LoopUse();
  readonly #sinceCollection = new LoopUse();
  /** Use after the last burst. */
  #leastBytes = usedBytes();
  /** A full collection began at the last look. */
  #isCollecting = false;

  constructor(collectYoung: () => void) {
    this.#collectYoung = collectYoung;
  }

  look(): void {
    const { part } = this.#lately;
    this.#lately.restart();
    if (part > IDLE_PART) {
      growYoungGeneration(this.#collectYoung);
      return;
    }
    if (this.#sinceCollection.activeMs < WORK_MS && !this.#isCollecting) return;
    this.#collectYoung();
    const used = usedBytes();
    if (this.#isCollecting || used < this.#leastBytes) this.#leastBytes = used;
    this.#isCollecting = used - this.#leastBytes >= GROWTH_BYTES;
    if (this.#isCollecting) beginFullCollection();
    this.#sinceCollection.restart();
  }
}
