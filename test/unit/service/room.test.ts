/**
 * A server that is full, and peers that hold its room and do not move: announcements, puts and gets by hand.
 *
 * The room is 32 MiB. Each test runs with files and in memory.
 */
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { encodeFlightDataHead } from "../../../src/flight/flight-data-encoder.ts";
import { encodeTicket } from "../../../src/flight/messages.ts";
import { FLIGHT_METHODS } from "../../../src/flight/methods.ts";
import { formatTicket } from "../../../src/flight/ticket.ts";
import { http2Peer, type RawPeer } from "../../support/attack.ts";
import type { FlightTestClient } from "../../support/flight-client.ts";
import { flightData, pathDescriptor, putMessages, valuePut } from "../../support/flight-messages.ts";
import { isAnswered, until } from "../../support/http2-dialogue.ts";
import * as h2 from "../../support/http2-frames.ts";
import { startInProcess } from "../../support/in-process-server.ts";
import { CLIENT_OPAQUE_SCHEMA, encodeOpaqueBatch } from "../../support/opaque-batch.ts";
import { temporaryDirectory } from "../../support/temporary-directory.ts";
import { goldenTable } from "../object/sample-objects.ts";

const MIB = 2 ** 20;
const ROOM_BYTES = 32 * MIB;
const INITIAL_WINDOW: h2.Setting = [4, 0];

interface FullServer {
  readonly port: number;
  readonly client: FlightTestClient;
}

const ENGINES = [
  ["files", ROOM_BYTES, () => temporaryDirectory("room")],
  // Of the room in memory a sixteenth is kept free.
  ["none", (ROOM_BYTES / 16) * 15, () => undefined],
] as const;

describe.each(ENGINES)("with storage %s and %i bytes", (_, openBytes, makeDirectory) => {
  async function start(): Promise<FullServer> {
    const directory = makeDirectory();
    const server = await startInProcess(directory?.path, {
      capacityBytes: ROOM_BYTES,
      eviction: { policy: "lru", maxMemoryBytes: ROOM_BYTES, maxObjects: undefined },
    });
    onTestFinished(async () => {
      await server.stop();
      directory?.remove();
    });
    return { port: Number(new URL(server.endpoint).port), client: server.client };
  }

  function put({ client }: FullServer, id: string, sizeBytes: number): Promise<unknown> {
    return client.put(valuePut(pathDescriptor(`a/s/${id}`), Buffer.alloc(sizeBytes, 7)));
  }

  it("402 bytes that announce nearly all the room and fall silent keep no honest put out", async () => {
    const server = await start();
    for (let i = 0; i < 20; i += 1) {
      const peer = await http2Peer(server.port);
      await peer.send(...beginPut(1, `silent-${i}`, openBytes - MIB, 0));
    }
    for (let i = 0; i < 8; i += 1) await put(server, `honest-${i}`, 5 * MIB);
    await Promise.all(Array.from({ length: 8 }, (__, i) => put(server, `together-${i}`, 5 * MIB)));
  });

  it("puts that brought much and fell silent are cut off for an honest one, and told why", async () => {
    const server = await start();
    const peer = await http2Peer(server.port);
    await peer.send(...beginPut(1, "silent", 10 * MIB, 1.5 * MIB));
    await peer.send(...beginPut(3, "as silent", 10 * MIB, 1.5 * MIB));
    await put(server, "honest", openBytes - MIB);
    expect(await ending(peer, 1)).toBe("14 [OVERLOADED]");
    expect(await ending(peer, 3)).toBe("14 [OVERLOADED]");
  });

  it("25 gets with a window of 0 do not empty the cache, and keep no honest put out", async () => {
    const server = await start();
    for (let i = 0; i < 25; i += 1) await put(server, `${i}`, MIB);
    const peer = await http2Peer(server.port, INITIAL_WINDOW);
    const streams = Array.from({ length: 25 }, (__, i) => 1 + 2 * i);
    for (const [i, stream] of streams.entries()) await peer.send(...get(stream, `a/s/${i}`));
    await until(peer, () => peer.frames.filter(({ type }) => type === h2.FRAME.headers).length === 25);
    // While idle objects make room nobody who is read leaves.
    for (let i = 0; i < 10; i += 1) await put(server, `idle-${i}`, 2 * MIB);
    const before = await server.client.keys();
    expect(before.filter((key) => !key.includes("idle"))).toHaveLength(25);
    expect(streams.filter((stream) => isAnswered(peer, stream))).toEqual([]);
    await put(server, "large", 12 * MIB);
    const cut = streams.filter((stream) => isAnswered(peer, stream));
    expect(await server.client.keys()).toHaveLength(25 - cut.length + 1);
    expect(cut.length).toBeGreaterThan(0);
    expect(cut.length).toBeLessThan(10);
    // The readers whose objects had to leave were told, also where they take no data.
    expect(await ending(peer, cut[0]!)).toBe("14 [OVERLOADED]");
  });

  it("a table of thousands of small batches is charged what it takes and not 4 KiB for each", async () => {
    const server = await start();
    const { schemaHeader, batches } = goldenTable("numbers");
    const { header, body } = batches[0]!;
    const count = Math.floor((12 * MIB) / (header.length + body.length + 64));
    const table = Array.from({ length: count }, () => ({ header, body }));
    expect(count * 4096).toBeGreaterThan(ROOM_BYTES);
    await server.client.put(putMessages(pathDescriptor("a/s/table"), schemaHeader, table));
    expect(await server.client.keys()).toEqual(["a/s/table"]);
  });
});

/** The beginning of a put that says it brings `saidBytes`. */
function beginPut(stream: number, id: string, saidBytes: number, broughtBytes: number): Buffer[] {
  const schema = flightData({ descriptor: pathDescriptor(`a/s/${id}`), header: CLIENT_OPAQUE_SCHEMA });
  const { header, body } = encodeOpaqueBatch({ cells: [Buffer.alloc(saidBytes)] });
  const head = Buffer.concat(encodeFlightDataHead({ dataHeader: header, bodySizeBytes: body.length }));
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(head.length + body.length, 1);
  const begun = Buffer.concat([prefix, head, body.subarray(0, broughtBytes)]);
  const frames: Buffer[] = [];
  for (let start = 0; start < begun.length; start += 16_384)
    frames.push(h2.frame(h2.FRAME.data, 0, stream, begun.subarray(start, start + 16_384)));
  return [h2.callHeaders(stream, FLIGHT_METHODS.DoPut.path), h2.messageData(stream, schema), ...frames];
}

function get(stream: number, key: string): Buffer[] {
  const ticket = encodeTicket(formatTicket(key));
  return [h2.callHeaders(stream, FLIGHT_METHODS.DoGet.path), h2.messageData(stream, ticket, h2.END_STREAM)];
}

/** Status and code of the trailers that ended a stream. */
async function ending(peer: RawPeer, stream: number): Promise<string> {
  await vi.waitFor(() => expect(isAnswered(peer, stream)).toBe(true));
  const last = peer.frames.filter((each) => each.stream === stream && each.type === h2.FRAME.headers).at(-1);
  const text = decodeURIComponent(last?.payload.toString("latin1").replace(/[^ -~]/g, " ") ?? "");
  return [/grpc-status +(\d+)/.exec(text)?.[1], /\[[A-Z_]+\]/.exec(text)?.[0]].join(" ");
}
