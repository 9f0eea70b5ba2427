import { describe, expect, it } from "vitest";
import { expireNamed, pinNamed, renewObject } from "../../../../src/client/cache/retention-calls.ts";
import type { FlightClient } from "../../../../src/client/flight/flight-client.ts";
import { encodeResult } from "../../../../src/flight/messages.ts";
import { singleRequest } from "../../../../src/grpc/single-request.ts";
import { flightPeer } from "../flight/flight-peer.ts";

const KEY = "app/session/object";

async function clientAnswered(body: string): Promise<FlightClient> {
  const { client } = await flightPeer({
    DoAction: async (call) => {
      await singleRequest(call, 1000);
      await call.write([encodeResult(Buffer.from(body))]);
    },
  });
  return client;
}

describe("the answer of a pin", () => {
  it("says until when it lasts, or that it has no end", async () => {
    const time = "2026-01-01T00:00:00.000Z";
    const client = await clientAnswered(JSON.stringify({ until: time }));
    expect(await pinNamed(client, KEY, 1, {})).toEqual(new Date(time));
    expect(await pinNamed(await clientAnswered('{"until":null}'), KEY, undefined, {})).toBeUndefined();
  });

  it.each([
    "",
    "{",
    "null",
    "7",
    "{}",
    '{"until":7}',
    '{"until":{}}',
    '{"until":"soon"}',
    "[".repeat(100_000),
  ])("that is something else is refused: %.20s", async (body) => {
    const client = await clientAnswered(body);
    const refused = expect.objectContaining({ code: "INVALID_REQUEST" });
    await expect(pinNamed(client, KEY, undefined, {})).rejects.toThrow(refused);
    await expect(expireNamed(client, KEY, 1, {})).rejects.toThrow(refused);
  });

  it("to a renewal that is no endpoint is refused", async () => {
    const client = await clientAnswered("\u00ff\u00ff");
    const refused = expect.objectContaining({ code: "INVALID_REQUEST" });
    await expect(renewObject(client, KEY, undefined, {})).rejects.toThrow(refused);
  });
});
