import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import {
  deleteObjects,
  downloadFile,
  FlameCache,
  getObject,
  listObjects,
  patchObject,
  putObject,
  updateObject,
  uploadFile,
} from "../../src/client/index.ts";
import { startServer } from "../../src/service/start-server.ts";
import { selfSignedCertificate, tlsConfig } from "../support/certificate.ts";
import { type InProcessServer, serverConfig, startInProcess } from "../support/in-process-server.ts";
import { type TemporaryDirectory, temporaryDirectory } from "../support/temporary-directory.ts";

let home: TemporaryDirectory;
let server: InProcessServer;

beforeAll(async () => {
  server = await startInProcess();
});

afterAll(() => server.stop());

beforeEach(() => {
  home = temporaryDirectory("client-home");
});

afterEach(() => {
  vi.unstubAllEnvs();
  home.remove();
});

function environment(more: Record<string, string> = {}): Record<string, string> {
  return { HOME: home.path, FLAME_HOME: join(home.path, "flame"), ...more };
}

function writeFlameYaml(text: string): string {
  const path = join(home.path, "flame", "flame.yaml");
  mkdirSync(join(home.path, "flame"), { recursive: true });
  writeFileSync(path, text);
  return path;
}

describe("connecting", () => {
  it("without anything is to the address that the server listens on by default", async () => {
    await using cache = await FlameCache.connect({ env: environment() });
    expect(cache.endpoint).toBe("grpc://127.0.0.1:9090");
  });

  it("takes options over environment over file", async () => {
    writeFlameYaml("contexts: [{name: a, cache: {endpoint: 'grpc://from-file:1'}}]");
    const env = environment({ FLAME_CACHE_ENDPOINT: "grpc://from-environment:2" });
    const endpointOf = async (options: Parameters<typeof FlameCache.connect>[0]) =>
      (await FlameCache.connect(options)).endpoint;
    expect(await endpointOf({ env, endpoint: "grpcs://from-options" })).toBe("grpc+tls://from-options:9090");
    expect(await endpointOf({ env })).toBe("grpc://from-environment:2");
    expect(await endpointOf({ env: environment() })).toBe("grpc://from-file:1");
  });

  it("reads a file that is named, which must be there", async () => {
    const configFile = writeFlameYaml(`clusters: [{name: a, cache: "${server.endpoint}"}]`);
    await using cache = await FlameCache.connect({ env: { HOME: "/nonexistent" }, configFile });
    expect(await cache.get(await cache.put("app", "connect", 1))).toBe(1);
    await expect(FlameCache.connect({ env: environment(), configFile: `${configFile}.not` })).rejects.toThrow(
      expect.objectContaining({ code: "INVALID_CONFIG" }),
    );
  });

  it.each([
    [{ endpoint: "http://127.0.0.1" }, /endpoint must be grpc.*\(options\)/],
    [{ caFile: "no/such/file.pem" }, /cache\.tls\.ca_file cannot be read/],
    [{ timeoutMs: 0 }, /timeoutMs must be a number of at least 1: got 0 \(options\)/],
    [{ cacheBytesMax: Number.NaN }, /cacheBytesMax must be a number of at least 0/],
  ])("with a wrong option is INVALID_CONFIG: %j", async (options, message) => {
    await expect(FlameCache.connect({ env: environment(), ...options })).rejects.toThrow(message);
  });

  it("to nobody is UNREACHABLE when something is asked for", async () => {
    const gone = await startInProcess();
    await gone.stop();
    await using cache = await FlameCache.connect({ env: environment(), endpoint: gone.endpoint });
    // One after the other: a rejection that nobody waits for yet would count as unhandled.
    const asks = [() => cache.put("app", "s", 1), () => cache.get("app/s/o"), () => cache.delete("app/s")];
    for (const ask of asks) {
      await expect(ask()).rejects.toThrow(
        expect.objectContaining({ code: "UNREACHABLE", status: "UNAVAILABLE" }),
      );
    }
  });

  it("to a reference's wrong endpoint is INVALID_CONFIG", async () => {
    await using cache = await FlameCache.connect({ env: environment() });
    const ref = { endpoint: "http://127.0.0.1:1", key: "app/s/o", version: 1 };
    await expect(cache.get(ref)).rejects.toThrow(expect.objectContaining({ code: "INVALID_CONFIG" }));
  });

  it("with TLS trusts the certificate that it is given, as file or bytes, and no other", async () => {
    const { cert, key } = selfSignedCertificate();
    const [certFile, keyFile] = [join(home.path, "cert.pem"), join(home.path, "key.pem")];
    writeFileSync(certFile, cert);
    writeFileSync(keyFile, key);
    const tls = tlsConfig(certFile, keyFile);
    const endpoint = { scheme: "grpcs", host: "127.0.0.1", port: 0 } as const;
    const secure = await startServer(serverConfig(undefined, { endpoint, tls }));
    const env = environment();
    for (const trusting of [
      { caFile: certFile },
      { ca: cert },
      { env: environment({ FLAME_CA_FILE: certFile }) },
    ]) {
      await using cache = await FlameCache.connect({ env, endpoint: secure.endpoint, ...trusting });
      const ref = await cache.put("app", "tls", "secret");
      expect(ref.endpoint).toMatch(/^grpc\+tls:/);
      expect(await cache.get(ref)).toBe("secret");
    }
    await using distrusting = await FlameCache.connect({ env, endpoint: secure.endpoint });
    await expect(distrusting.put("app", "tls", 1)).rejects.toThrow(
      expect.objectContaining({ code: "UNREACHABLE" }),
    );
    await secure.stop();
  });
});

describe("the functions", () => {
  it("share a cache that the environment names", async () => {
    for (const [name, value] of Object.entries(environment({ FLAME_CACHE_ENDPOINT: "http://wrong" }))) {
      vi.stubEnv(name, value);
    }
    await expect(putObject("app", "functions", 1)).rejects.toThrow(
      expect.objectContaining({ code: "INVALID_CONFIG" }),
    );
    vi.stubEnv("FLAME_CACHE_ENDPOINT", server.endpoint);
    const ref = await putObject("app", "functions", { step: 1 });
    expect(ref.endpoint).toBe(server.endpoint);
    expect(await getObject(ref)).toEqual({ step: 1 });
    const next = await updateObject(ref, ["base"]);
    await patchObject(next, "patch");
    const merge = (base: string[], patches: string[]) => [...base, ...patches];
    expect(await getObject(ref, { merge })).toEqual(["base", "patch"]);
    const path = join(home.path, "file");
    writeFileSync(path, "bytes of a file");
    const uploaded = await uploadFile("app/functions", path);
    expect(await downloadFile(uploaded, `${path}.copy`)).toBe(15);
    expect(readFileSync(`${path}.copy`, "utf8")).toBe("bytes of a file");
    const keysOf = async () => {
      const keys: string[] = [];
      for await (const { key } of listObjects("app/functions")) keys.push(key);
      return keys.sort();
    };
    expect(await keysOf()).toEqual([ref.key, uploaded.key].sort());
    await deleteObjects("app/functions");
    expect(await keysOf()).toEqual([]);
  });
});
