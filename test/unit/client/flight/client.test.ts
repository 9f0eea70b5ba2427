/**
 * FlightClient as such: where it dials, with which connections and metadata, who it says it is, and its end.
 */
import { describe, expect, it } from "vitest";
import { FlightClient } from "../../../../src/client/flight/flight-client.ts";
import { readFlightData } from "../../../../src/client/flight/incoming-flight-data.ts";
import { CacheError } from "../../../../src/errors.ts";
import { encodeSchemaResult } from "../../../../src/flight/messages.ts";
import { unary } from "../../../support/unary.ts";
import { all, flightPeer, PATH } from "./flight-peer.ts";

describe("name and password", () => {
  const BASIC = `Basic ${Buffer.from("me:a:secret").toString("base64")}`;

  it.each([0, 1])(
    "are traded for the token in the trailers of an answer of %d messages",
    async (messages) => {
      const { client } = await flightPeer({
        Handshake: async (call) => {
          expect(call.metadata.get("authorization")).toBe(BASIC);
          call.setTrailer("authorization", "Bearer token");
          for (let i = 0; i < messages; i++) await call.write([Buffer.alloc(0)]);
        },
      });
      expect(await client.authenticateBasic("me", "a:secret")).toEqual({ authorization: "Bearer token" });
    },
  );

  it("are UNAUTHENTICATED when no token comes back", async () => {
    const { client } = await flightPeer({ Handshake: () => Promise.resolve() });
    await expect(client.authenticateBasic("me", "secret")).rejects.toMatchObject({ code: "UNAUTHENTICATED" });
  });

  it("are not sent when the name has a colon", async () => {
    const { client, server } = await flightPeer({});
    await expect(client.authenticateBasic("me:", "secret")).rejects.toMatchObject({
      code: "INVALID_REQUEST",
    });
    expect(server.sessions).toBe(0);
  });
});

describe("a client", () => {
  it.each([
    ["grpc://127.0.0.1:7", "grpc://127.0.0.1:7"],
    ["grpc+tcp://127.0.0.1:7", "grpc://127.0.0.1:7"],
    ["grpcs://[::1]:7", "grpc+tls://[::1]:7"],
    ["grpc+tls://cache.example:7", "grpc+tls://cache.example:7"],
  ])("takes %s for its endpoint, and says it as clients dial it", (endpoint, dialled) => {
    expect(new FlightClient({ endpoint }).endpoint).toBe(dialled);
  });

  it.each(["http://127.0.0.1:1", "127.0.0.1:1", "grpc+unix:///tmp/x", "grpc://:1"])(
    "refuses %s",
    (endpoint) => {
      expect(() => new FlightClient({ endpoint })).toThrow(
        expect.objectContaining({ code: "INVALID_CONFIG", message: expect.stringContaining(endpoint) }),
      );
    },
  );

  it("sends its metadata with each call, and the call's own before it", async () => {
    const { client } = await flightPeer(
      {
        GetSchema: unary(async (_, { metadata }) =>
          encodeSchemaResult(Buffer.from(`${metadata.get("x-one")} ${metadata.get("x-two")}`)),
        ),
      },
      { metadata: { "x-one": "client", "x-two": "client" } },
    );
    expect(String(await client.getSchema(PATH, { metadata: { "x-two": "call" } }))).toBe("client call");
  });

  it("uses a connection each for gets, puts and the rest, made when they are needed", async () => {
    const peers = { DoGet: new Set<string>(), DoPut: new Set<string>(), GetSchema: new Set<string>() };
    const { client, server } = await flightPeer({
      DoGet: async (call) => void peers.DoGet.add(call.peer),
      DoPut: async (call) => {
        await all(readFlightData(call.requests));
        peers.DoPut.add(call.peer);
      },
      GetSchema: unary(async (_, call) => {
        peers.GetSchema.add(call.peer);
        return encodeSchemaResult(Buffer.alloc(0));
      }),
    });
    expect(server.sessions).toBe(0);
    for (let round = 0; round < 3; round++) {
      await all(client.doGet("ticket"));
      await all(client.doPut(PATH, []));
      await client.getSchema(PATH);
    }
    const used = Object.values(peers).map((addresses) => [...addresses]);
    expect(used.map((addresses) => addresses.length)).toEqual([1, 1, 1]);
    expect(new Set(used.flat()).size).toBe(3);
  });

  it("answers every call with CANCELLED after it was closed", async () => {
    const { client, server } = await flightPeer({});
    await client.close();
    const closed = new CacheError("CANCELLED", "the client is closed");
    await expect(client.getSchema(PATH)).rejects.toEqual(closed);
    await expect(all(client.doGet("ticket"))).rejects.toEqual(closed);
    await expect(all(client.doPut(PATH, []))).rejects.toEqual(closed);
    expect(server.sessions).toBe(0);
  });

  it("is closed at the end of its block", async () => {
    const { port } = await flightPeer({});
    const outer = await (async () => {
      await using client = new FlightClient({ endpoint: `grpc://127.0.0.1:${port}` });
      return client;
    })();
    await expect(outer.getSchema(PATH)).rejects.toMatchObject({ code: "CANCELLED" });
  });
});
