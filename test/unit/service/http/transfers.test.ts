/**
 * How many requests run at once, who waits, who is cut off, and what they hold.
 */
import { describe, expect, it } from "vitest";
import { LIMITS } from "../../../../src/limits.ts";
import { HttpTransfers } from "../../../../src/service/http/transfers.ts";

const NEVER = new AbortController().signal;
const OVERLOADED = expect.objectContaining({ code: "OVERLOADED" });

describe("requests of the HTTP API", () => {
  it("wait for a place in the order in which they came", async () => {
    const transfers = new HttpTransfers({ transfersMax: 1 });
    const first = await transfers.begin(NEVER);
    const order: string[] = [];
    const begin = async (name: string): Promise<void> => {
      const transfer = await transfers.begin(NEVER);
      order.push(name);
      transfer.close();
    };
    const others = [begin("b"), begin("c"), begin("d")];
    expect(transfers.waiting).toBe(3);
    first.close();
    first.close();
    await Promise.all(others);
    expect(order).toEqual(["b", "c", "d"]);
    expect(transfers.running).toBe(0);
  });

  it("are OVERLOADED when no place is left in time", async () => {
    const transfers = new HttpTransfers({ transfersMax: 1, waitMs: 1 });
    const first = await transfers.begin(NEVER);
    await expect(transfers.begin(NEVER)).rejects.toThrow(OVERLOADED);
    first.close();
    (await transfers.begin(NEVER)).close();
    expect([transfers.running, transfers.waiting]).toEqual([0, 0]);
  });

  it("pass their place on when their client has left meanwhile", async () => {
    const transfers = new HttpTransfers({ transfersMax: 1 });
    const first = await transfers.begin(NEVER);
    const leaving = new AbortController();
    const left = transfers.begin(leaving.signal);
    const next = transfers.begin(NEVER);
    first.close();
    leaving.abort(new Error("left"));
    await expect(left).rejects.toThrow("left");
    (await next).close();
    expect([transfers.running, transfers.waiting]).toEqual([0, 0]);
  });

  it("without progress are ended while others wait, and those with progress are not", async () => {
    const transfers = new HttpTransfers({ transfersMax: 2, stalledMs: 1 });
    const stalled = await transfers.begin(NEVER);
    const moving = await transfers.begin(NEVER);
    const ticking = setInterval(() => moving.moved(1), 1);
    stalled.signal.addEventListener("abort", () => stalled.close());
    (await transfers.begin(NEVER)).close();
    clearInterval(ticking);
    expect(stalled.signal.reason).toEqual(OVERLOADED);
    moving.close();
  });

  it("without progress end after the longest idle time", async () => {
    const transfers = new HttpTransfers({ idleCallMs: 1 });
    const { signal, close } = await transfers.begin(NEVER);
    await new Promise((resolve) => signal.addEventListener("abort", resolve));
    expect(signal.reason).toEqual(expect.objectContaining({ code: "DEADLINE_EXCEEDED" }));
    expect(close).toBeTypeOf("function");
  });

  it("hold a bounded number of bytes, and release them at their end", async () => {
    const transfers = new HttpTransfers();
    const first = await transfers.begin(NEVER);
    const second = await transfers.begin(NEVER);
    first.hold(LIMITS.httpHeldBytesMax - 10);
    expect(() => second.hold(11)).toThrow(OVERLOADED);
    second.hold(10);
    second.release(4);
    expect(transfers.heldBytes).toBe(LIMITS.httpHeldBytesMax - 4);
    first.close();
    second.close();
    expect(transfers.heldBytes).toBe(0);
  });
});
