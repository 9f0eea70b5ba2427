/**
 * Virtual time that passes by itself: a pause ends in the next turn of the event loop, and its
 * milliseconds have passed then.
 */
import { VirtualTime } from "./virtual-time.ts";

export class PassingTime extends VirtualTime {
  override at(delayMs: number, run: () => void): void {
    const atMs = this.nowMs + delayMs;
    setImmediate(() => {
      this.nowMs = Math.max(this.nowMs, atMs);
      run();
    });
  }
}
