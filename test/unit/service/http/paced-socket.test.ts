/** What a socket has received enters its stream in slices, in turns, in order and to its end. */
import net from "node:net";
import { setImmediate } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { LIMITS } from "../../../../src/limits.ts";
import { LoopTurns, type TurnUser } from "../../../../src/loop-turns.ts";
import { PacedSocket } from "../../../../src/service/http/paced-socket.ts";
import { settled } from "../../../support/settled.ts";

/** Gives no turn before the test does. */
class HeldTurns extends LoopTurns {
  readonly waiting = new Set<TurnUser>();
  readonly forgotten: TurnUser[] = [];

  override begin(): number {
    return 0;
  }

  override wait(user: TurnUser): void {
    this.waiting.add(user);
  }

  override forget(user: TurnUser): void {
    this.forgotten.push(user);
  }

  /** @returns false if nobody waits. */
  serve(untilMs: number): boolean {
    const [user] = this.waiting;
    if (user === undefined) return false;
    this.waiting.delete(user);
    user.runSlice(untilMs);
    return true;
  }
}

let server: net.Server;
let client: net.Socket;
let socket: net.Socket;
let turns: HeldTurns;
let received: Buffer[];
let paced: PacedSocket;

beforeEach(async () => {
  turns = new HeldTurns();
  received = [];
  server = net.createServer({ allowHalfOpen: true });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const accepted = new Promise<net.Socket>((resolve) => server.once("connection", resolve));
  client = net.connect({ port: (server.address() as net.AddressInfo).port, allowHalfOpen: true });
  socket = await accepted;
  socket.on("data", (chunk: Buffer) => received.push(chunk));
  paced = new PacedSocket(socket, turns);
});

afterEach(() => {
  client.destroy();
  socket.destroy();
  server.close();
});

const BYTES = Buffer.from(Array.from({ length: 60_000 }, (_, index) => index % 251));

/** Serves until this many bytes have come. */
async function served(sizeBytes: number, untilMs: () => number): Promise<void> {
  const count = (): number => received.reduce((sum, { length }) => sum + length, 0);
  while (count() < sizeBytes) {
    turns.serve(untilMs());
    await setImmediate();
  }
  expect(count()).toBe(sizeBytes);
}

const time = (): number => performance.now() + 1_000;

describe("what a socket receives", () => {
  it("waits for a turn", async () => {
    client.write(BYTES);
    expect(await settled(() => turns.waiting.size)).toBe(1);
    expect(received).toEqual([]);
  });

  it("comes in slices, in order", async () => {
    client.write(BYTES);
    await served(BYTES.length, time);
    expect(Buffer.concat(received).equals(BYTES)).toBe(true);
    const sizes = received.map((each) => each.length);
    expect(sizes[0]).toBeLessThanOrEqual(LIMITS.httpSliceBytesMin);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(LIMITS.httpSliceBytesMax);
  });

  it("is not read from the socket beyond one read while it waits", async () => {
    const many = Buffer.alloc(2 * 1024 ** 2, 1);
    client.write(many);
    expect(await settled(() => socket.bytesRead)).toBeLessThanOrEqual(64 * 1024);
    await served(many.length, time);
  });

  it("stays where it is while the socket is paused", async () => {
    socket.pause();
    client.write(BYTES);
    expect(await settled(() => socket.bytesRead)).toBeGreaterThan(0);
    expect(turns.waiting.size).toBe(0);
    socket.resume();
    await served(BYTES.length, time);
  });

  it("stays where it is while it is held, also if the socket is resumed", async () => {
    paced.hold();
    client.write(BYTES);
    socket.resume();
    expect(await settled(() => socket.bytesRead)).toBeGreaterThan(0);
    expect(turns.waiting.size).toBe(0);
    paced.release();
    await served(BYTES.length, time);
  });

  it("ends after its last byte", async () => {
    const ended = vi.fn(() => Buffer.concat(received).length);
    socket.on("end", ended);
    client.end(BYTES);
    await served(BYTES.length, time);
    await vi.waitFor(() => {
      turns.serve(time());
      expect(ended).toHaveReturnedWith(BYTES.length);
    });
  });

  it("is forgotten when the socket closes", async () => {
    client.write(BYTES);
    expect(await settled(() => turns.waiting.size)).toBe(1);
    const [user] = turns.waiting;
    socket.destroy();
    await vi.waitFor(() => expect(turns.forgotten).toEqual([user]));
    turns.serve(time());
    expect(received).toEqual([]);
  });
});
