/**
 * Where several threads can serve connections, and what happens where they cannot.
 */
import { once } from "node:events";
import { createServer } from "node:net";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { LocalTransport } from "../../../src/grpc/local-transport.ts";
import { CallMemory } from "../../../src/http2/call-memory.ts";
import { ConnectionCounts } from "../../../src/relay/connection-counts.ts";
import { canSharePort } from "../../../src/relay/share-port.ts";
import { http2Of } from "../../support/grpc-peers.ts";

vi.mock("../../../src/limits.ts", async (original) => {
  const { LIMITS } = await original<typeof import("../../../src/limits.ts")>();
  return { LIMITS: { ...LIMITS, connectionsMax: 3, connectionsPeerShare: 1 } };
});

describe("a port", () => {
  it.each([
    ["linux", "22.12.0", true],
    ["linux", "22.11.0", false],
    ["linux", "20.19.5", false],
    ["linux", "23.0.0", false],
    ["linux", "23.1.0", true],
    ["linux", "24.0.0", true],
    ["linux", "26.10.0", true],
    ["darwin", "24.0.0", false],
    ["win32", "24.0.0", false],
  ])("on %s with Node %s can be shared out: %s", (platform, version, canBe) => {
    expect(canSharePort({ platform, version })).toBe(canBe);
  });

  it.skipIf(!canSharePort())("is shared out by this Node among those who listen for it", async () => {
    const servers = [createServer(), createServer()];
    onTestFinished(() => servers.forEach((server) => void server.close()));
    const sharing = { reusePort: true };
    servers[0]?.listen({ host: "127.0.0.1", port: 0, ...sharing });
    await once(servers[0]!, "listening");
    const { port } = servers[0]!.address() as { port: number };
    servers[1]?.listen({ host: "127.0.0.1", port, ...sharing });
    await once(servers[1]!, "listening");
    expect(servers[1]?.listening).toBe(true);
  });
});

describe("the number of connections of all threads", () => {
  it("is bounded together, and a thread that died leaves its room to the others", async () => {
    const counts = new ConnectionCounts(2);
    const listener = { onStream: () => {}, onEmpty: () => {} };
    const transports = [0, 1].map(
      (thread) =>
        new LocalTransport(listener, {
          listenOptions: { count: counts.of(thread) },
          memory: new CallMemory(),
        }),
    );
    onTestFinished(() => {
      for (const transport of transports) {
        transport.drain();
        transport.destroyConnections();
      }
    });
    const ports = await Promise.all(transports.map((transport) => transport.listen("127.0.0.1", 0)));
    const connect = (thread: number) => http2Of(ports[thread]!);
    for (const thread of [0, 0]) await once(connect(thread), "remoteSettings");
    const third = connect(1);
    await once(third, "remoteSettings");
    expect(counts.total).toBe(3);
    const gone = once(third, "close");
    await once(connect(1), "remoteSettings");
    await gone;
    expect(counts.total).toBe(3);
    counts.clear(0);
    expect(counts.total).toBe(1);
    await once(connect(1), "remoteSettings");
    expect(counts.total).toBe(2);
  });
});
