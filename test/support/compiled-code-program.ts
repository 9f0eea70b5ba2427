/**
 * Compiles a function that reads buffers of short-lived objects, leaves the process idle, and sends
 * whether the code is still there. Needs V8's flag `--allow-natives-syntax`.
 */
import { setImmediate, setTimeout } from "node:timers/promises";
import { collectGarbage, prepareMemory } from "../../src/command/process-memory.ts";
import { free } from "../../src/storage/free-memory.ts";

/** Enough for V8 to compile the function. */
const TURNS = 100;
const CALLS_PER_TURN = 10_000;
/** Calls that are open at once. */
const OPEN = 16;
/** Makes V8 start a full collection. */
const TRIGGER_BYTES = 96 * 2 ** 20;
/** Objects that the collection frees. */
const GARBAGE = 500_000;
/** V8 begins its own collections of an idle process after 8 s. */
const IDLE_COLLECTIONS_MS = 10_000;
/** The bit of V8's status for compiled code that is valid. */
const IS_COMPILED = 1 << 4;

class Call {
  readonly bytes: Uint8Array;
  readonly place: number;

  constructor(bytes: Uint8Array, place: number) {
    this.bytes = bytes;
    this.place = place;
  }
}

prepareMemory();
const stop = collectGarbage(0);
const bytes = Buffer.alloc(OPEN);
const open: (Call | undefined)[] = Array.from({ length: OPEN }, (_, place) => new Call(bytes, place));
const statusOf = new Function("f", "return %GetOptimizationStatus(f)") as (f: unknown) => number;
const isCompiled = (): boolean => (statusOf(answer) & IS_COMPILED) !== 0;
let sum = 0;
for (let turn = 0; turn < TURNS; turn += 1) {
  for (let i = 0; i < CALLS_PER_TURN; i += 1) sum += answer(i % OPEN);
  await setImmediate();
}
const before = isCompiled();
open.fill(undefined);
// A heap that has shrunk is what V8 collects again.
Array.from({ length: GARBAGE }, (_, i) => [i]);
free(Buffer.allocUnsafeSlow(TRIGGER_BYTES).buffer);
await setTimeout(IDLE_COLLECTIONS_MS);
const after = isCompiled();
stop();
// Calls go on: their class is still needed.
open.fill(new Call(bytes, 0));
sum += answer(0);
process.send?.({ before, after, sum });

function answer(place: number): number {
  open[place] = new Call(bytes, place);
  const earlier = open[(place + 1) % OPEN]!;
  return earlier.bytes[earlier.place]!;
}
