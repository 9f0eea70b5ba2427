/**
 * A client that ends its requests and then resets the call: what it put is cancelled as long as it is not an object yet.
 *
 * By frames, onto a disk that holds the finishing of the file up until the reset has come.
 */
import { readdirSync } from "node:fs";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { IndexedCache } from "../../../src/cache/indexed-cache.ts";
import { encodeAction } from "../../../src/flight/messages.ts";
import { FLIGHT_METHODS } from "../../../src/flight/methods.ts";
import type { CallHandler, ServerCall } from "../../../src/grpc/call.ts";
import { parseObjectKey } from "../../../src/object/object-key.ts";
import { buildMethods } from "../../../src/service/flight/flight-service.ts";
import { ServiceContext } from "../../../src/service/service-context.ts";
import { DiskStorage } from "../../../src/storage/disk/disk-storage.ts";
import { DIRECT_ENDPOINT, Gate } from "../../support/direct-service.ts";
import { commandDescriptor, pathDescriptor, putMessages, valuePut } from "../../support/flight-messages.ts";
import { serve } from "../../support/grpc-peers.ts";
import { openedPeer, verdictOn } from "../../support/http2-dialogue.ts";
import * as h2 from "../../support/http2-frames.ts";
import { goldenStream, splitStream } from "../arrow/golden.ts";
import { ownDirectory } from "../cache/cache-fixture.ts";

const KEY = parseObjectKey("a/s/o");
const [schema, ...batches] = splitStream(goldenStream("numbers"));
const { DoPut, DoAction } = FLIGHT_METHODS;
const TTL: h2.Header = ["flame-ttl-seconds", "60"];

/** A service whose files wait at the gate before they are finished, and the calls it has taken. */
async function servedAt(gate: { current: Gate }) {
  const directory = ownDirectory();
  const storage = new DiskStorage({ directory });
  const stage = storage.stage.bind(storage);
  vi.spyOn(storage, "stage").mockImplementation(() => {
    const staged = stage();
    const overwrite = staged.overwrite.bind(staged);
    staged.overwrite = async (position, bytes) => {
      await gate.current.pass();
      await overwrite(position, bytes);
    };
    return staged;
  });
  const cache = new IndexedCache(storage);
  await cache.start();
  onTestFinished(() => cache.stop());
  const stopping = new AbortController().signal;
  const calls: ServerCall[] = [];
  const noted = (handler: CallHandler): CallHandler => {
    return (call) => {
      calls.push(call);
      return handler(call);
    };
  };
  const methods = [...buildMethods(ServiceContext.open({ cache, endpoint: DIRECT_ENDPOINT, stopping }))];
  const { port, server } = await serve(
    Object.fromEntries(methods.map(([path, handler]) => [path, noted(handler)])),
  );
  /** But for the log: its segments are made beside puts. */
  const files = async () => {
    await storage.settle();
    const names = readdirSync(directory, { recursive: true, encoding: "utf8" });
    return names.filter((name) => !name.startsWith(".log")).sort();
  };
  return { cache, port, server, calls, files };
}

/** Sends the messages and ends the requests. */
function callFrames(path: string, messages: readonly Uint8Array[], stream: number): Buffer[] {
  const block = h2.headerBlock([[":path", path], ...h2.CALL_HEADERS, TTL]);
  const last = messages.length - 1;
  return [
    h2.frame(h2.FRAME.headers, h2.END_HEADERS, stream, block),
    ...messages.map((message, i) => h2.messageData(stream, message, i === last ? h2.END_STREAM : 0)),
  ];
}

const PUTS: readonly (readonly [string, string, readonly Uint8Array[]])[] = [
  ["a value", DoPut.path, valuePut(pathDescriptor("a/s/o"), "new")],
  ["a table", DoPut.path, putMessages(pathDescriptor("a/s/o"), schema!.header, batches)],
  ["a patch", DoPut.path, valuePut(commandDescriptor("PATCH:a/s/o"), "more")],
  ["the action UPDATE", DoAction.path, [encodeAction({ type: "UPDATE", body: Buffer.from("a/s/o:bmV3") })]],
];

describe("END_STREAM and RST_STREAM right behind it", () => {
  it.each(PUTS)("cancel %s that is not an object yet, and nothing is left", async (_, path, messages) => {
    const gate = { current: new Gate() };
    gate.current.open();
    const { cache, port, server, calls, files } = await servedAt(gate);
    const peer = await openedPeer(port);
    await peer.send(...callFrames(DoPut.path, valuePut(pathDescriptor("a/s/o"), "old"), 1));
    expect(await verdictOn(peer, 1)).toBe("answered");
    const before = { files: await files(), entry: await cache.find(KEY) };
    const lifetime = cache.retaining.lifetimeOf(before.entry!);

    gate.current = new Gate();
    await peer.send(...callFrames(path, messages, 3));
    await gate.current.reached;
    await peer.send(h2.reset(3));
    await vi.waitFor(() => expect(() => calls[1]!.throwIfOver()).toThrow("CANCELLED"));
    gate.current.open();
    await vi.waitFor(() => expect(server.openCalls).toBe(0));

    expect(await cache.find(KEY)).toBe(before.entry);
    expect(before.entry?.version).toBe(1);
    expect(cache.retaining.lifetimeOf(before.entry!)).toEqual(lifetime);
    expect(await files()).toEqual(before.files);
  });
});
