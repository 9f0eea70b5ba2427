/**
 * The TypeScript client and the command against a server with an access file: tokens that `token create` made.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { FlameCache, FlightClient, getObject, putObject } from "../../src/client/index.ts";
import { type RunningCache, startServer } from "../../src/service/start-server.ts";
import { CertificateAuthority } from "../support/certificate-authority.ts";
import { serverConfig } from "../support/in-process-server.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";
import { type Finished, runCommand } from "../unit/command/verb-fixture.ts";

const home = temporaryDirectory("credentials");
const accessFile = join(home.path, "access.yaml");
const EXPIRED = "flame_expired";
/** SHA-256 of EXPIRED. */
const EXPIRED_SHA256 = "ab6ee08b3165ee5a5d6d256352129fd9655c4c7b562a3093ed640d80eda738a6";

const CERTIFIED =
  'identities: [{name: certified, rules: [{allow: [get, put, list], on: ["${identity}/*"]}], certificates: ["CN=certified"]}]';

let server: RunningCache;
let worker: string;
let reader: string;
let env: Record<string, string>;

async function tokenFor(identity: string, ...rules: string[]): Promise<string> {
  const args = ["token", "create", "--access-file", accessFile, "--identity", identity, ...rules];
  const { outcome, out, err } = await runCommand(args);
  expect(outcome, err).toBe("ok");
  return out.trim();
}

function secretFile(name: string, text: string): string {
  const path = join(home.path, name);
  writeFileSync(path, `${text}\n`, { mode: 0o600 });
  return path;
}

beforeAll(async () => {
  writeFileSync(
    accessFile,
    `identities: [{name: late, rules: [{allow: [get], on: ["*"]}], tokens: [{id: old, sha256: "${EXPIRED_SHA256}", expires: 2020-01-01}]}]\n`,
  );
  worker = await tokenFor("worker", "--allow", "get,put,list,delete", "--on", "app/*");
  reader = await tokenFor("reader", "--allow", "get,list", "--on", "app/*");
  server = await startServer(serverConfig(undefined, { access: { file: accessFile, isRequired: true } }));
  env = { FLAME_HOME: "/nonexistent", HOME: "/nonexistent", FLAME_CACHE_ENDPOINT: server.endpoint };
});

afterAll(async () => {
  await server.stop();
  home.remove();
});

const connect = (options: Parameters<typeof FlameCache.connect>[0] = {}) =>
  FlameCache.connect({ env, ...options });
const refused = (code: string) => expect.objectContaining({ code, retryable: false });

describe("a FlameCache against a server with an access file", () => {
  it("works with a token from an option, the environment, a file and flame.yaml", async () => {
    const configFile = join(home.path, "flame.yaml");
    const tokenFile = secretFile("worker", worker);
    writeFileSync(
      configFile,
      `contexts: [{name: a, cache: {endpoint: "${server.endpoint}", token_file: worker}}]`,
    );
    for (const options of [
      { token: worker },
      { env: { ...env, FLAME_CACHE_TOKEN: worker } },
      { env: { ...env, FLAME_CACHE_TOKEN_FILE: tokenFile } },
      { configFile },
    ]) {
      await using cache = await connect(options);
      const ref = await cache.put("app/s", { step: 1 });
      expect(await cache.get(ref)).toEqual({ step: 1 });
    }
  });

  it("without a token, with a wrong or an expired one, is UNAUTHENTICATED", async () => {
    for (const options of [{}, { token: "flame_wrong" }, { token: EXPIRED }]) {
      await using cache = await connect(options);
      await expect(cache.get("app/s/o")).rejects.toThrow(refused("UNAUTHENTICATED"));
    }
  });

  it("is PERMISSION_DENIED what the rules do not allow", async () => {
    await using cache = await connect({ token: reader });
    await expect(cache.put("app/s", 1)).rejects.toThrow(refused("PERMISSION_DENIED"));
    await expect(cache.get("other/s/o")).rejects.toThrow(refused("PERMISSION_DENIED"));
    await expect(cache.get("app/s/none")).rejects.toThrow(
      expect.objectContaining({ code: "OBJECT_NOT_FOUND" }),
    );
  });

  it("uses a rotated token without a new connection", async () => {
    const tokenFile = secretFile("rotated", reader);
    await using cache = await connect({ tokenFile });
    await expect(cache.put("app/s", 1)).rejects.toThrow(refused("PERMISSION_DENIED"));
    secretFile("rotated", worker);
    expect((await cache.put("app/s", 1)).version).toBeGreaterThan(0);
  });

  it("has functions that take the token from the environment", async () => {
    for (const [name, value] of Object.entries({ ...env, FLAME_CACHE_TOKEN: worker }))
      vi.stubEnv(name, value);
    const ref = await putObject("app", "functions", [1]);
    vi.unstubAllEnvs();
    expect(await getObject(ref)).toEqual([1]);
  });
});

describe("a FlightClient against a server with an access file", () => {
  it("sends metadata that a function makes for each call", async () => {
    const tokens = ["flame_wrong", worker];
    await using client = new FlightClient({
      endpoint: server.endpoint,
      metadata: () => ({ authorization: `Bearer ${tokens.shift()}` }),
    });
    await expect(client.listFlights("app")[Symbol.asyncIterator]().next()).rejects.toThrow(
      refused("UNAUTHENTICATED"),
    );
    await client.listFlights("app")[Symbol.asyncIterator]().next();
  });
});

describe("a name and a password", () => {
  it("become a token that both clients of this package take", async () => {
    const args = ["token", "password", "--access-file", accessFile, "--identity", "worker"];
    expect(await runCommand(args, { input: "long enough\n" })).toMatchObject({ outcome: "ok" });
    const reloaded = await startServer(
      serverConfig(undefined, { access: { file: accessFile, isRequired: true } }),
    );
    const { endpoint } = reloaded;
    await using client = new FlightClient({ endpoint });
    const metadata = await client.authenticateBasic("worker", "long enough");
    await client.listFlights("app", { metadata })[Symbol.asyncIterator]().next();
    const token = String(metadata.authorization).replace("Bearer ", "");
    await using cache = await connect({ endpoint, token });
    expect(await cache.get(await cache.put("app/s", 1))).toBe(1);
    await expect(client.authenticateBasic("worker", "wrong")).rejects.toThrow(refused("UNAUTHENTICATED"));
    await reloaded.stop();
  });
});

describe("a client certificate", () => {
  let authority: CertificateAuthority;
  let secure: RunningCache;
  let files: { readonly certFile: string; readonly keyFile: string };

  beforeAll(async () => {
    authority = new CertificateAuthority();
    const own = authority.issueServer();
    files = authority.issue("certified");
    const certified = secretFile("certified.yaml", CERTIFIED);
    const config = serverConfig(undefined, {
      endpoint: { scheme: "grpcs", host: "127.0.0.1", port: 0 },
      tls: {
        certFile: own.certFile,
        keyFile: own.keyFile,
        caFile: undefined,
        clientCaFile: authority.certFile,
        clientCertificates: "required",
      },
      access: { file: certified, isRequired: true },
    });
    secure = await startServer(config);
  });
  afterAll(async () => {
    await secure.stop();
    authority.remove();
  });

  it("identifies a FlameCache to a server that requires one", async () => {
    const options = { endpoint: secure.endpoint, caFile: authority.certFile };
    const { certFile: clientCertFile, keyFile: clientKeyFile } = files;
    await using cache = await connect({ ...options, clientCertFile, clientKeyFile });
    expect(await cache.get(await cache.put("certified/s", 1))).toBe(1);
    await expect(cache.put("other/s", 1)).rejects.toThrow(refused("PERMISSION_DENIED"));
    await using without = await connect(options);
    await expect(without.put("certified/s", 1)).rejects.toThrow(
      expect.objectContaining({ code: "UNREACHABLE" }),
    );
  });

  it("identifies the command, which names the options when it is missing", async () => {
    const dial = ["--endpoint", secure.endpoint, "--ca-file", authority.certFile];
    const { certFile, keyFile } = files;
    const given = ["--cert-file", certFile, "--key-file", keyFile];
    expect(await runCommand(["ls", "certified", ...dial, ...given])).toMatchObject({
      outcome: "ok",
      err: "",
    });
    const variables = { FLAME_CACHE_CLIENT_CERT: certFile, FLAME_CACHE_CLIENT_KEY: keyFile };
    expect(await runCommand(["ls", "certified", ...dial], { env: variables })).toMatchObject({
      outcome: "ok",
    });
    const missing = await runCommand(["ls", "certified", ...dial]);
    expect(missing.outcome).toBe("unavailable");
    expect(missing.err).toContain("--cert-file and --key-file");
  });
});

describe("the command against a server with an access file", () => {
  const run = (args: string[], more: Record<string, string> = {}, input = ""): Promise<Finished> =>
    runCommand(args, { env: { ...env, ...more }, input });

  it("takes the token from FLAME_CACHE_TOKEN or --token-file with every verb", async () => {
    const tokenFile = secretFile("worker", worker);
    const put = await run(["put", "-", "--key", "app/s/command", "--token-file", tokenFile], {}, "bytes");
    expect(put).toMatchObject({ outcome: "ok", err: "" });
    const variable = { FLAME_CACHE_TOKEN: worker };
    for (const verb of [
      ["get", "app/s/command"],
      ["stat", "app/s/command"],
      ["ls", "app"],
      ["cat", "app/s/command"],
    ]) {
      expect(await run(verb, variable)).toMatchObject({ outcome: "ok", err: "" });
    }
    for (const verb of [["find", "app"], ["du", "app"], ["ping"], ["rm", "app/s/command"]]) {
      expect(await run([...verb, "--token-file", tokenFile])).toMatchObject({ outcome: "ok", err: "" });
    }
  });

  it("says what to do when credentials are missing or not accepted", async () => {
    const none = await run(["ls", "app"]);
    expect(none).toMatchObject({ outcome: "noPermission", out: "" });
    expect(none.err).toMatch(
      /^flame-object-cache: \[UNAUTHENTICATED\] .* \(grpc:\/\/127\.0\.0\.1:\d+\); set FLAME_CACHE_TOKEN, or name a file that contains the token with --token-file\n$/,
    );
    const wrong = await run(["ls", "app"], { FLAME_CACHE_TOKEN: EXPIRED });
    expect(wrong.outcome).toBe("noPermission");
    expect(wrong.err).toContain("the token from FLAME_CACHE_TOKEN is not accepted");
    expect(wrong.err).not.toContain(EXPIRED);
    const denied = await run(["ls", "other"], { FLAME_CACHE_TOKEN: reader });
    expect(denied).toMatchObject({ outcome: "noPermission" });
    expect(denied.err).toMatch(
      /\[PERMISSION_DENIED\] "reader" may not list .* the token is from FLAME_CACHE_TOKEN\n$/,
    );
  });

  it("copies to another cache with the token of --token-file, and not with that of the environment", async () => {
    const variable = { FLAME_CACHE_TOKEN: worker };
    await run(["put", "-", "--key", "app/s/copied"], variable, "bytes");
    await using other = await startOther();
    const args = ["cp", "app/s/copied", `${other.endpoint}/app/copies`];
    const refusedCopy = await run(args, variable);
    expect(refusedCopy.err).toContain("FLAME_CACHE_TOKEN is only sent to the cache of --endpoint");
    expect(await run([...args, "--token-file", secretFile("worker", worker)])).toMatchObject({
      outcome: "ok",
    });
  });
});

async function startOther(): Promise<RunningCache & AsyncDisposable> {
  const other = await startServer(
    serverConfig(undefined, { access: { file: accessFile, isRequired: true } }),
  );
  return Object.assign(other, { [Symbol.asyncDispose]: () => other.stop() });
}
