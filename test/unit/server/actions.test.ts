/**
 * The bodies of actions: where a name ends and a value begins, and what is no base64.
 */
import { beforeEach, describe, expect, it } from "vitest";
import { decodeActionType, decodeResult, encodeAction } from "../../../src/flight/messages.ts";
import { FLIGHT_METHODS } from "../../../src/flight/methods.ts";
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

  it("is listed once each", async () => {
    const answers = await service.call(FLIGHT_METHODS.ListActions.path, [Buffer.alloc(0)]);
    const own = ["PUT", "UPDATE", "DELETE", "PIN", "UNPIN", "EXPIRE"];
    const standard = ["RenewFlightEndpoint", "CancelFlightInfo"];
    expect(answers.map((answer) => decodeActionType(answer).type)).toEqual([...own, ...standard]);
  });
});
