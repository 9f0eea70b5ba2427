/**
 * Which calls of a FlameCache carry its token and its client certificate, and which must not.
 *
 * The servers record what comes and answer as little as the client needs.
 */
import { chmodSync, writeFileSync } from "node:fs";
import { createSecureServer } from "node:http2";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { inspect } from "node:util";
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from "vitest";
import { ClientPool } from "../../../../src/client/cache/client-pool.ts";
import type { FlameCacheOptions } from "../../../../src/client/cache/connect-options.ts";
import { FlameCache } from "../../../../src/client/cache/flame-cache.ts";
import { fixedToken } from "../../../../src/config/client-token.ts";
import { CacheError } from "../../../../src/errors.ts";
import { encodePutResult } from "../../../../src/flight/messages.ts";
import { FLIGHT_METHODS } from "../../../../src/flight/methods.ts";
import type { ServerCall } from "../../../../src/grpc/call.ts";
import { encodeObjectRef } from "../../../../src/object/object-ref.ts";
import { type Certificate, selfSignedCertificate } from "../../../support/certificate.ts";
import { serve } from "../../../support/grpc-peers.ts";
import { type TemporaryDirectory, temporaryDirectory } from "../../../support/temporary-directory.ts";

const SECRET = "s3cret-and-long";

let home: TemporaryDirectory;
beforeEach(() => {
  home = temporaryDirectory("credentials");
});
afterEach(() => home.remove());

interface Recorder {
  readonly endpoint: string;
  /** The `authorization` of each call. */
  readonly seen: (string | undefined)[];
}

/** Answers each put with a reference to `advertised`, by default itself, and every other call with nothing. */
async function recorder(options: { advertised?: string; tls?: Certificate } = {}): Promise<Recorder> {
  const seen: (string | undefined)[] = [];
  const { DoPut, ...others } = FLIGHT_METHODS;
  const scheme = options.tls === undefined ? "grpc" : "grpc+tls";
  let endpoint = "";
  const handlers = Object.fromEntries(
    Object.values(others).map(({ path }) => [
      path,
      async (call: ServerCall) => {
        seen.push(call.metadata.get("authorization"));
        throw new CacheError("OBJECT_NOT_FOUND");
      },
    ]),
  );
  const served = await serve(
    {
      ...handlers,
      [DoPut.path]: async (call) => {
        seen.push(call.metadata.get("authorization"));
        for (let next = await call.requests.next(); next !== null; next = await call.requests.next()) {
          await next.collect(1024 * 1024);
        }
        const ref = { endpoint: options.advertised ?? endpoint, key: "a/s/o", version: 1 };
        await call.write([encodePutResult(encodeObjectRef(ref))]);
      },
    },
    { callsMemoryBytes: 1024 ** 3, ...(options.tls && { tls: options.tls }) },
  );
  endpoint = `${scheme}://127.0.0.1:${served.port}`;
  return { endpoint, seen };
}

async function connect(options: FlameCacheOptions): Promise<FlameCache> {
  const cache = await FlameCache.connect({ env: { HOME: home.path }, ...options });
  onTestFinished(() => cache.close());
  return cache;
}

const missing = expect.objectContaining({ code: "OBJECT_NOT_FOUND" });
const at = (endpoint: string) => ({ endpoint, key: "a/s/o", version: 1 });

describe("the token of a FlameCache", () => {
  it("is sent with every call to the configured endpoint", async () => {
    const { endpoint, seen } = await recorder();
    const cache = await connect({ endpoint, token: SECRET });
    await cache.put("a/s", 1);
    for (const call of [() => cache.get("a/s/o"), () => cache.stat("a/s/o"), () => cache.delete("a/s")]) {
      await expect(call()).rejects.toThrow(missing);
    }
    await expect(cache.list("a").next()).rejects.toThrow(missing);
    expect(new Set(seen)).toEqual(new Set([`Bearer ${SECRET}`]));
    expect(seen).toHaveLength(5);
  });

  it("is not sent to an endpoint that only a reference names", async () => {
    const [mine, strange] = [await recorder(), await recorder()];
    const cache = await connect({ endpoint: mine.endpoint, token: SECRET });
    const ref = at(strange.endpoint);
    for (const call of [() => cache.get(ref), () => cache.stat(ref), () => cache.delete(ref)]) {
      await expect(call()).rejects.toThrow(missing);
    }
    await cache.update(ref, 1);
    await cache.patch(ref, 1);
    expect(strange.seen).toEqual([undefined, undefined, undefined, undefined, undefined]);
    expect(mine.seen).toEqual([]);
  });

  it("is sent to an endpoint that its server returned for a put, also if that was dialled before", async () => {
    const advertised = await recorder();
    const mine = await recorder({ advertised: advertised.endpoint });
    const cache = await connect({ endpoint: mine.endpoint, token: SECRET });
    await expect(cache.get(at(advertised.endpoint))).rejects.toThrow(missing);
    await expect(cache.get(await cache.put("a/s", 1))).rejects.toThrow(missing);
    expect(advertised.seen).toEqual([undefined, `Bearer ${SECRET}`]);
  });

  it("is not sent to an endpoint that a strange server returned for a put", async () => {
    const third = await recorder();
    const strange = await recorder({ advertised: third.endpoint });
    const mine = await recorder();
    const cache = await connect({ endpoint: mine.endpoint, token: SECRET });
    await expect(cache.get(await cache.update(at(strange.endpoint), 1))).rejects.toThrow(missing);
    expect([...third.seen, ...strange.seen]).toEqual([undefined, undefined]);
  });

  it("is not sent without TLS to an endpoint that a server with TLS returned", async () => {
    const plain = await recorder();
    const tls = selfSignedCertificate();
    const mine = await recorder({ advertised: plain.endpoint, tls });
    const cache = await connect({ endpoint: mine.endpoint, token: SECRET, ca: tls.cert });
    await expect(cache.get(await cache.put("a/s", 1))).rejects.toThrow(missing);
    expect([mine.seen, plain.seen]).toEqual([[`Bearer ${SECRET}`], [undefined]]);
  });

  it("is read again from its file for each call", async () => {
    const { endpoint, seen } = await recorder();
    const tokenFile = join(home.path, "token");
    writeFileSync(tokenFile, "first\n", { mode: 0o600 });
    const cache = await connect({ endpoint, tokenFile });
    await cache.put("a/s", 1);
    writeFileSync(tokenFile, "again\n");
    await cache.put("a/s", 1);
    expect(seen).toEqual(["Bearer first", "Bearer again"]);
  });

  it("of flame.yaml is only for the endpoint of flame.yaml", async () => {
    const [listed, other] = [await recorder(), await recorder()];
    writeFileSync(join(home.path, "token"), "listed", { mode: 0o600 });
    const configFile = join(home.path, "flame.yaml");
    const { endpoint } = listed;
    writeFileSync(configFile, `clusters: [{name: a, cache: {endpoint: "${endpoint}", token_file: token}}]`);
    await (await connect({ configFile })).put("a/s", 1);
    await (await connect({ configFile, endpoint: other.endpoint })).put("a/s", 1);
    await (await connect({ configFile, endpoint, token: "option" })).put("a/s", 1);
    const env = { FLAME_CACHE_TOKEN: "variable" };
    await (await connect({ configFile, endpoint: other.endpoint, env })).put("a/s", 1);
    expect(listed.seen).toEqual(["Bearer listed", "Bearer option"]);
    expect(other.seen).toEqual([undefined, "Bearer variable"]);
  });

  it("is in no inspection of the client, and in no error", async () => {
    const cache = await connect({ endpoint: "grpc://127.0.0.1:1", token: SECRET });
    const error = await cache.get("a/s/o").catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: "UNREACHABLE" });
    const wrong = await connect({ token: `${SECRET} x` }).catch((reason: unknown) => reason);
    expect(wrong).toMatchObject({ code: "INVALID_CONFIG" });
    for (const value of [cache, error, wrong]) {
      expect(inspect(value, { depth: 20, showHidden: true })).not.toContain(SECRET);
    }
  });

  it("to another host without TLS is a process warning, once for each endpoint", async () => {
    const emitted = vi.spyOn(process, "emitWarning").mockImplementation(() => {});
    onTestFinished(() => emitted.mockRestore());
    const dial = (endpoint: string) => {
      const credentials = { token: fixedToken(SECRET, "option token"), certificate: undefined };
      return new ClientPool({ endpoint, ca: undefined, credentials }).route(endpoint).open();
    };
    for (const endpoint of [
      "grpc://192.0.2.1:1",
      "grpc://192.0.2.1:1",
      "grpc://127.0.0.1:1",
      "grpc+tls://192.0.2.1:2",
    ]) {
      await dial(endpoint).client.close();
    }
    expect(emitted.mock.calls).toEqual([
      [
        "the token is sent to grpc://192.0.2.1:1 without TLS: everyone on the network path can read it; use grpcs://",
        { type: "FlameSecurityWarning", code: "FLAME_SECURITY" },
      ],
    ]);
  });
});

describe("a refusal of the server", () => {
  it.each(["UNAUTHENTICATED", "PERMISSION_DENIED"] as const)(
    "%s is typed and is not repeated",
    async (code) => {
      let calls = 0;
      const { port } = await serve({
        [FLIGHT_METHODS.GetFlightInfo.path]: async () => {
          calls += 1;
          throw new CacheError(code, "the reason");
        },
      });
      const cache = await connect({ endpoint: `grpc://127.0.0.1:${port}` });
      await expect(cache.stat("a/s/o")).rejects.toThrow(
        expect.objectContaining({ code, status: code, retryable: false, message: `[${code}] the reason` }),
      );
      expect(calls).toBe(1);
    },
  );
});

/** A gRPC server that requires a client certificate and answers every call with nothing. */
async function serverOfClients(own: Certificate, trusted: Buffer): Promise<string> {
  const server = createSecureServer({ ...own, ca: trusted, requestCert: true, rejectUnauthorized: true });
  server.on("stream", (stream) => {
    stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
    stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
    stream.resume();
    stream.end();
  });
  const sessions = new Set<{ destroy(): void }>();
  server.on("session", (session) => sessions.add(session));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(async () => {
    for (const session of sessions) session.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  return `grpcs://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

describe("the client certificate of a FlameCache", () => {
  const own = selfSignedCertificate();
  const mine = selfSignedCertificate();

  function files(): { readonly clientCertFile: string; readonly clientKeyFile: string } {
    const [clientCertFile, clientKeyFile] = [join(home.path, "client.pem"), join(home.path, "client.key")];
    writeFileSync(clientCertFile, mine.cert);
    writeFileSync(clientKeyFile, mine.key);
    chmodSync(clientKeyFile, 0o600);
    return { clientCertFile, clientKeyFile };
  }

  it("is presented to a server that requires one: by option, environment and flame.yaml", async () => {
    const endpoint = await serverOfClients(own, mine.cert);
    const { clientCertFile, clientKeyFile } = files();
    const configFile = join(home.path, "flame.yaml");
    const inFile = `clusters: [{name: a, cache: {endpoint: "${endpoint}", client_cert_file: client.pem, client_key_file: client.key}}]`;
    writeFileSync(configFile, inFile);
    const env = { FLAME_CACHE_CLIENT_CERT: clientCertFile, FLAME_CACHE_CLIENT_KEY: clientKeyFile };
    for (const options of [{ clientCertFile, clientKeyFile, endpoint }, { env, endpoint }, { configFile }]) {
      const cache = await connect({ ca: own.cert, ...options });
      await cache.delete("a/s");
    }
  });

  it("that is missing, or is not trusted, makes the server unreachable", async () => {
    const endpoint = await serverOfClients(own, own.cert);
    for (const options of [{}, files()]) {
      const cache = await connect({ ca: own.cert, endpoint, ...options });
      await expect(cache.delete("a/s")).rejects.toThrow(expect.objectContaining({ code: "UNREACHABLE" }));
    }
  });

  it("is not presented to an endpoint that only a reference names", async () => {
    const endpoint = await serverOfClients(own, mine.cert);
    const cache = await connect({ endpoint: "grpcs://127.0.0.1:1", ca: own.cert, ...files() });
    await expect(cache.delete(at(endpoint))).rejects.toThrow(
      expect.objectContaining({ code: "UNREACHABLE" }),
    );
  });

  it.each([
    [
      "without its key",
      { clientKeyFile: undefined },
      "cache.client_key_file must be set as well (option clientCertFile)",
    ],
    ["without its certificate", { clientCertFile: undefined }, "cache.client_cert_file must be set as well"],
    [
      "with a file that does not exist",
      { clientKeyFile: "/nonexistent" },
      "cache.client_key_file cannot be read",
    ],
  ])("%s is refused when it connects", async (_what, wrong, message) => {
    await expect(connect({ endpoint: "grpcs://127.0.0.1:1", ...files(), ...wrong })).rejects.toThrow(message);
  });

  it("with another key is refused when it connects", async () => {
    const given = files();
    writeFileSync(given.clientKeyFile, own.key);
    await expect(connect({ endpoint: "grpcs://127.0.0.1:1", ...given })).rejects.toThrow(
      /must be a certificate and its key without a passphrase: ERR_\w+ \(option clientCertFile, option clientKeyFile\)/,
    );
  });
});
