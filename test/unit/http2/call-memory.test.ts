/**
 * The account of what calls hold: shares, the reserve, who waits and who is not read.
 */
import { setImmediate } from "node:timers/promises";
import { describe, expect, it, vi } from "vitest";
import { CallAccount } from "../../../src/http2/call-account.ts";
import { CallMemory } from "../../../src/http2/call-memory.ts";
import { LIMITS } from "../../../src/limits.ts";

const MIB = 1024 * 1024;
const BOUND = 64 * MIB;
const NOTHING_QUEUED = { queuedBytes: 0, openBytes: Number.POSITIVE_INFINITY };
const CLOSED_WINDOW = { queuedBytes: 0, openBytes: 0 };

/** Calls that reserve as much as they get, one after the other, on connections of addresses of their own. */
function greedyCalls(memory: CallMemory, count: number, state = CLOSED_WINDOW): CallAccount[] {
  return Array.from({ length: count }, (_, i) => {
    const account = new CallAccount(memory.open(`10.0.0.${i}`));
    for (let granted = account.reserve(MIB, state); granted > 0; ) granted = account.reserve(MIB, state);
    return account;
  });
}

describe("an answer", () => {
  it("may be read ahead up to its limit while much memory is free", () => {
    const [account] = greedyCalls(new CallMemory(BOUND), 1);
    expect(account!.heldBytes - LIMITS.callMemoryBytes).toBe(LIMITS.sendAheadBytesMax);
  });

  it("is read ahead less the more others hold, and never takes the reserve", () => {
    const memory = new CallMemory(BOUND);
    greedyCalls(memory, 100);
    const chargesBytes = 100 * (LIMITS.connectionMemoryBytes + LIMITS.callMemoryBytes);
    expect(memory.usedBytes - chargesBytes).toBeLessThanOrEqual((BOUND * 7) / 8);
    expect(memory.usedBytes).toBeGreaterThan((BOUND * 7) / 8 - MIB);
  });

  it("still gets a piece when the peer takes it at once, and others hold all but the reserve", () => {
    const memory = new CallMemory(BOUND);
    greedyCalls(memory, 100);
    const account = new CallAccount(memory.open("10.1.0.0"));
    expect(account.reserve(MIB, NOTHING_QUEUED)).toBe(LIMITS.callPieceBytesMax);
    expect(account.reserve(MIB, { queuedBytes: 0, openBytes: LIMITS.callPieceBytesMax })).toBe(0);
  });

  it("of one connection takes no more than the connection's share", () => {
    const memory = new CallMemory(BOUND);
    const connection = memory.open("10.0.0.1");
    for (let i = 0; i < 500; i++) {
      const account = new CallAccount(connection);
      for (let granted = account.reserve(MIB, NOTHING_QUEUED); granted > 0; ) {
        granted = account.reserve(MIB, { queuedBytes: 0, openBytes: 8 * MIB });
      }
    }
    // What is charged for the calls themselves is beside it.
    expect(connection.usedBytes).toBeLessThanOrEqual(BOUND / 2 + 500 * LIMITS.callMemoryBytes);
  });
});

describe("a request that is collected", () => {
  it("gets no memory of the reserve, unless it is small", () => {
    const memory = new CallMemory(BOUND);
    const accounts = ["10.0.0.1", "10.0.0.2", "10.0.0.3"].map((each) => new CallAccount(memory.open(each)));
    for (const account of accounts) while (account.mayCollect) account.collected(MIB / 16);
    expect(memory.freeBytes).toBeGreaterThan(BOUND / 8 - MIB / 2);
    const small = new CallAccount(memory.open("10.0.0.4"));
    small.collected(LIMITS.callPieceBytesMax);
    expect(small.mayCollect).toBe(true);
    small.collected(1);
    expect(small.mayCollect).toBe(false);
  });

  it("gives back all that it held when its call is over, and counts no more", () => {
    const memory = new CallMemory(BOUND);
    const connection = memory.open("10.0.0.1");
    const before = memory.usedBytes;
    const account = new CallAccount(connection);
    account.arrived(MIB);
    account.collected(2 * MIB, MIB);
    account.reserve(MIB, NOTHING_QUEUED);
    account.close();
    account.arrived(-MIB);
    account.release(MIB);
    expect(memory.usedBytes).toBe(before);
    connection.close();
    expect(memory.usedBytes).toBe(0);
  });
});

describe("a call that waits for memory", () => {
  it("is woken when memory is given back, in the order of asking", async () => {
    const memory = new CallMemory(BOUND);
    const connection = memory.open("10.0.0.1");
    const woken: number[] = [];
    for (const sinceMs of [1, 2]) {
      memory.wait({ connection, sinceMs, isReady: () => true, wake: () => void woken.push(sinceMs) });
    }
    await setImmediate();
    expect(woken).toEqual([]);
    memory.add(MIB);
    memory.add(-MIB);
    await vi.waitFor(() => expect(woken).toEqual([1, 2]));
    expect(memory.hasWaiting).toBe(false);
  });

  it("is short of memory after a while only when its peer would take what it gets", () => {
    const memory = new CallMemory(BOUND);
    const connection = memory.open("10.0.0.1");
    memory.wait({ connection, sinceMs: 0, isReady: () => false, wake: () => undefined });
    expect(memory.shortage(LIMITS.starvedMs + 1)).toBeUndefined();
    memory.wait({ connection, sinceMs: 0, isReady: () => true, wake: () => undefined });
    expect(memory.shortage(LIMITS.starvedMs - 1)).toBeUndefined();
    expect(memory.shortage(LIMITS.starvedMs + 1)?.(memory.open("10.0.0.2"))).toBe(true);
  });

  it("is helped by its own connection alone when that has used up its share", () => {
    const memory = new CallMemory(BOUND);
    const connection = memory.open("10.0.0.1");
    connection.add(BOUND / 2);
    const other = memory.open("10.0.0.1");
    memory.wait({ connection, sinceMs: 0, isReady: () => true, wake: () => undefined });
    const helps = memory.shortage(LIMITS.starvedMs + 1);
    expect([helps?.(connection), helps?.(other)]).toEqual([true, false]);
  });
});

describe("a connection", () => {
  it("is overdrawn when more has arrived than there is room for, and much of it on this one", () => {
    const memory = new CallMemory(BOUND);
    const [quiet, loud] = [memory.open("10.0.0.1"), memory.open("10.0.0.2")];
    loud.arrived(BOUND);
    quiet.arrived(MIB);
    expect([quiet.isOverdrawn, loud.isOverdrawn]).toEqual([false, true]);
    loud.arrived(-MIB - BOUND / 2);
    expect(loud.isOverdrawn).toBe(false);
  });

  it("is overdrawn when requests hold half of all, and it alone more than an object of 1 MiB", () => {
    const memory = new CallMemory(BOUND);
    const [quiet, loud] = [memory.open("10.0.0.1"), memory.open("10.0.0.2")];
    quiet.arrived(MIB);
    loud.arrived(BOUND / 2);
    expect(memory.freeBytes).toBeGreaterThan(0);
    expect([quiet.isOverdrawn, loud.isOverdrawn]).toEqual([false, true]);
    loud.close();
    expect(memory.overdrawnBytes).toBe(0);
  });

  it("is not overdrawn by what it reads for an answer, whose peer has to be heard to take it", () => {
    const memory = new CallMemory(BOUND);
    memory.open("10.0.0.1").arrived(BOUND / 2 + 1);
    const connection = memory.open("10.0.0.2");
    const account = new CallAccount(connection);
    account.reserveWhole(20 * MIB);
    expect(connection.isOverdrawn).toBe(false);
    account.collected(20 * MIB);
    expect(connection.isOverdrawn).toBe(true);
    account.release(20 * MIB);
    account.close();
    expect(connection.usedBytes).toBe(LIMITS.connectionMemoryBytes);
  });

  it("that holds little gets a call when there is no memory, one that holds much gets none", () => {
    const memory = new CallMemory(BOUND);
    const [quiet, loud] = [memory.open("10.0.0.1"), memory.open("10.0.0.2")];
    loud.arrived(BOUND);
    expect([quiet.admission, loud.admission]).toEqual(["yes", "no"]);
  });

  it("leaves nothing of its address behind when it is closed", () => {
    const memory = new CallMemory(BOUND);
    const connections = [memory.open("10.0.0.1"), memory.open("10.0.0.1")];
    connections[0]!.arrived((BOUND * 3) / 4);
    expect(connections[1]!.freeBytes).toBeLessThanOrEqual(0);
    for (const connection of connections) connection.close();
    expect(memory.connections).toBe(0);
    expect(memory.open("10.0.0.1").freeBytes).toBe(BOUND / 2 - LIMITS.connectionMemoryBytes);
  });
});
