/**
 * Waits until a number has stopped changing.
 *
 * For tests that something is held up: not "after a while" but after many turns of the event loop, in which both sides
 * had their chance to move, without a change.
 */
import { setImmediate } from "node:timers/promises";

const QUIET_TURNS = 500;

export async function settled(read: () => number): Promise<number> {
  let last = read();
  for (let quiet = 0; quiet < QUIET_TURNS; quiet++) {
    await setImmediate();
    const now = read();
    if (now !== last) quiet = 0;
    last = now;
  }
  return last;
}
