/**
 * The bodies of actions: where a name ends and a value begins, and what is no base64.
 */
import { randomBytes } from "node:crypto";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { decodeActionType, decodeResult, encodeAction } from "../../../src/flight/messages.ts";
import { FLIGHT_METHODS } from "../../../src/flight/methods.ts";
import { LIMITS } from "../../../src/limits.ts";
import { parseObjectKey } from "../../../src/object/object-key.ts";
import { MemoryStorage } from "../../../src/storage/memory-storage.ts";
import { DIRECT_ENDPOINT, DirectService } from "../../support/direct-service.ts";
import { read } from "../cache/cache-fixture.ts";

let service: DirectService;

beforeEach(async () => {
  service = new DirectService(new MemoryStorage());
  await service.cache.start();
});

async function action(type: string, body: string | Uint8Array): Promise<string> {
  const request = encodeAction({ type, body: Buffer.from(body) });
  const [answer] = await service.call(FLIGHT_METHODS.DoAction.path, [request]);
  return decodeResult(answer!).toString();
}

/** Stores a value by UPDATE and reads it back. */
async function stored(key: string, base64: string): Promise<string> {
  const answer = JSON.parse(await action("UPDATE", `${key}:${base64}`)) as { key: string };
  return (await read(service.cache, answer.key)).base;
}

function refused(code: string): unknown {
  return expect.objectContaining({ code });
}

describe("a value in an action", () => {
  it.each([
    ["", ""],
    ["YQ==", "a"],
    ["YWI=", "ab"],
    ["YWJj", "abc"],
    ["YWI", "ab"],
    ["Pz8_Pj4-", "???>>>"],
    ["Pz8/Pj4+", "???>>>"],
  ])("of %j is stored as %j", async (base64, value) => {
    expect(await stored("app/session/object", base64)).toBe(value);
  });

  it.each(["!!!!", "Y", "YWJj\n", "YW Jj", "YQ==YQ==", "YWJj%", "ä"])(
    "of %j is INVALID_REQUEST",
    async (base64) => {
      await expect(action("UPDATE", `app/session/object:${base64}`)).rejects.toThrow(
        refused("INVALID_REQUEST"),
      );
    },
  );

  it("begins behind the last colon: a name may have some of its own", async () => {
    expect(await stored("app/session/run:7", "YQ==")).toBe("a");
    expect(JSON.parse(await action("PUT", "app/se:ssion:YQ=="))).toMatchObject({
      key: expect.stringMatching(/^app\/se:ssion\//),
    });
  });

  it("is answered by endpoint, key, version and size, in this order", async () => {
    expect(await action("UPDATE", "app/session/object:YWJj")).toBe(
      `{"endpoint":"${DIRECT_ENDPOINT}","key":"app/session/object","version":1,"size":3}`,
    );
  });
});

describe("an action", () => {
  it.each([
    ["PUT", "INVALID_REQUEST", "no colon"],
    ["PUT", "INVALID_KEY", "app:YQ=="],
    ["PUT", "INVALID_KEY", "app/session/object:YQ=="],
    ["PUT", "INVALID_KEY", "app/..:YQ=="],
    ["PUT", "INVALID_KEY", "app/*:YQ=="],
    ["PUT", "INVALID_KEY", ":YQ=="],
    ["UPDATE", "INVALID_KEY", "app/session:YQ=="],
    ["UPDATE", "INVALID_REQUEST", ""],
    ["DELETE", "INVALID_KEY", ""],
    ["DELETE", "INVALID_KEY", "app"],
    ["put", "UNKNOWN_ACTION", "app/session:YQ=="],
    ["", "UNKNOWN_ACTION", ""],
    ["__proto__", "UNKNOWN_ACTION", ""],
  ])("%s is %s with the body %j", async (type, code, body) => {
    await expect(action(type, body)).rejects.toThrow(refused(code));
  });

  it("whose name is no text is INVALID_REQUEST", async () => {
    const name = Buffer.from("6170702fff3a59513d3d", "hex");
    await expect(action("UPDATE", name)).rejects.toThrow(refused("INVALID_REQUEST"));
    await expect(action("DELETE", name)).rejects.toThrow(refused("INVALID_REQUEST"));
  });

  it.each([
    ["DELETE", LIMITS.namedActionBytesMax],
    ["PIN", LIMITS.namedActionBytesMax],
    ["UNPIN", LIMITS.namedActionBytesMax],
    ["EXPIRE", LIMITS.namedActionBytesMax],
    ["RenewFlightEndpoint", LIMITS.requestBytesMax],
    ["CancelFlightInfo", LIMITS.cancelActionBytesMax],
    ["PUT", LIMITS.valueActionBytesMax],
    ["UPDATE", LIMITS.valueActionBytesMax],
  ])("%s is OBJECT_TOO_LARGE over %i bytes, before they are taken", async (type, bytesMax) => {
    const onChunk = vi.fn();
    const request = encodeAction({ type, body: Buffer.alloc(bytesMax + 1) });
    const call = service.call(FLIGHT_METHODS.DoAction.path, [request], { chunkBytes: 100, onChunk });
    await expect(call).rejects.toThrow(refused("OBJECT_TOO_LARGE"));
    expect(onChunk.mock.calls.length).toBeLessThan(4);
  });

  it("of many bytes is decoded as it arrives, whatever its pieces are", async () => {
    const value = randomBytes(100_000);
    const body = Buffer.from(`app/session/pieces:${value.toString("base64")}`);
    for (const chunkBytes of [1, 7, 270, 4096]) {
      await service.call(FLIGHT_METHODS.DoAction.path, [encodeAction({ type: "UPDATE", body })], {
        chunkBytes,
      });
      const { reading, base } = await service.cache.open(parseObjectKey("app/session/pieces"), () => true);
      const [range] = base!.dataRanges;
      expect(await base!.source.read(range!.position, range!.sizeBytes)).toEqual(value);
      reading.close();
    }
  });

  it.each([
    ["whose body comes first", (type: Buffer, body: Buffer) => [body, type]],
    ["with something behind its body", (type: Buffer, body: Buffer) => [type, body, Buffer.of(0x18, 1)]],
    ["without a body", (type: Buffer) => [type, Buffer.of(0x1a, 0x80, 0x80, 0x04), Buffer.alloc(65_536)]],
    ["without a type", (_type: Buffer, body: Buffer) => [body]],
  ])("%s is INVALID_REQUEST when it is too large to be collected", async (_what, build) => {
    const type = Buffer.from(encodeAction({ type: "UPDATE", body: Buffer.of() }));
    const body = Buffer.from(encodeAction({ type: "", body: Buffer.alloc(LIMITS.requestBytesMax) }));
    const call = service.call(FLIGHT_METHODS.DoAction.path, [Buffer.concat(build(type, body))]);
    await expect(call).rejects.toThrow(refused("INVALID_REQUEST"));
  });

  it("that is followed by a second one is INVALID_REQUEST, and stores nothing", async () => {
    for (const bytes of [4, 400_000]) {
      const body = Buffer.from(`app/session/twice:${"A".repeat(bytes)}`);
      const request = encodeAction({ type: "UPDATE", body });
      const call = service.call(FLIGHT_METHODS.DoAction.path, [request, request]);
      await expect(call).rejects.toThrow(refused("INVALID_REQUEST"));
    }
    expect(service.cache.counts.objects).toBe(0);
  });

  it("is listed once each", async () => {
    const answers = await service.call(FLIGHT_METHODS.ListActions.path, [Buffer.alloc(0)]);
    const own = ["PUT", "UPDATE", "DELETE", "PIN", "UNPIN", "EXPIRE"];
    const standard = ["RenewFlightEndpoint", "CancelFlightInfo"];
    const observing = ["WHY", "STATS", "TOP", "LOG"];
    expect(answers.map((answer) => decodeActionType(answer).type)).toEqual([
      ...own,
      ...standard,
      ...observing,
    ]);
  });
});
