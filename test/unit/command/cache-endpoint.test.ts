import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type EndpointOptions, findCache as find } from "../../../src/command/cache-endpoint.ts";
import { type TemporaryDirectory, temporaryDirectory } from "../../support/temporary-directory.ts";

let home: TemporaryDirectory;
beforeEach(() => {
  home = temporaryDirectory("endpoint");
});
afterEach(() => {
  home.remove();
});

const warnings: string[] = [];
const findCache = (options: EndpointOptions, env: Record<string, string>) =>
  find(options, env, (text) => void warnings.push(text));
const environment = (more: Record<string, string> = {}) => ({ HOME: home.path, ...more });

function clientFile(text: string): void {
  mkdirSync(join(home.path, ".flame"));
  writeFileSync(join(home.path, ".flame", "flame.yaml"), text);
}

function writeSecret(name: string): void {
  writeFileSync(join(home.path, name), `${name}\n`, { mode: 0o600 });
}

describe("the cache that a verb talks to", () => {
  it("is named by --endpoint, else the environment, else flame.yaml, else the default address", () => {
    expect(findCache({}, environment()).endpoint).toBe("grpc://127.0.0.1:9090");
    clientFile("clusters: [{name: a, cache: 'grpc://file:1'}]");
    expect(findCache({}, environment()).endpoint).toBe("grpc://file:1");
    const variables = environment({ FLAME_CACHE_ENDPOINT: "grpc://variable:2" });
    expect(findCache({}, variables).endpoint).toBe("grpc://variable:2");
    expect(findCache({ endpoint: "grpc://flag" }, variables).endpoint).toBe("grpc://flag:9090");
  });

  it("is trusted by --ca-file, else FLAME_CA_FILE, when it speaks TLS", () => {
    writeFileSync(join(home.path, "a.pem"), "A");
    writeFileSync(join(home.path, "b.pem"), "B");
    const variables = environment({ FLAME_CA_FILE: join(home.path, "a.pem") });
    const ca = (options: object) => findCache({ endpoint: "grpcs://h:1", ...options }, variables);
    expect(ca({})).toMatchObject({ endpoint: "grpc+tls://h:1", ca: Buffer.from("A") });
    expect(ca({ caFile: join(home.path, "b.pem") }).ca).toEqual(Buffer.from("B"));
    expect(ca({ endpoint: "grpc://h:1" }).ca).toBeUndefined();
  });

  it("is refused by name when it is no endpoint, or its certificates cannot be read", () => {
    expect(() => findCache({ endpoint: "http://x" }, environment())).toThrow(
      /^\[INVALID_CONFIG\] cache\.endpoint must be .*"http:\/\/x" \(--endpoint\)$/,
    );
    const caFile = join(home.path, "missing.pem");
    expect(() => findCache({ endpoint: "grpcs://h", caFile }, environment())).toThrow(
      /missing\.pem" \(--ca-file\)$/,
    );
  });

  it("gets the token of --token-file, else of the environment, else of flame.yaml", () => {
    for (const name of ["option", "variable", "listed"]) writeSecret(name);
    const headers = (options: EndpointOptions, more: Record<string, string> = {}) => {
      const { metadata, tokenSource } = findCache(options, environment(more));
      return [(metadata as (() => unknown) | undefined)?.(), tokenSource];
    };
    expect(headers({})).toEqual([undefined, undefined]);
    clientFile("clusters:\n  - name: a\n    cache:\n      token_file: ../listed");
    const listed = `${join(home.path, ".flame", "flame.yaml")}:4`;
    expect(headers({})).toEqual([{ authorization: "Bearer listed" }, listed]);
    const byFile = { FLAME_CACHE_TOKEN_FILE: join(home.path, "variable") };
    expect(headers({}, byFile)).toEqual([{ authorization: "Bearer variable" }, "FLAME_CACHE_TOKEN_FILE"]);
    const both = { ...byFile, FLAME_CACHE_TOKEN: " text\n" };
    expect(headers({}, both)).toEqual([{ authorization: "Bearer text" }, "FLAME_CACHE_TOKEN"]);
    const tokenFile = join(home.path, "option");
    expect(headers({ tokenFile }, both)).toEqual([{ authorization: "Bearer option" }, "--token-file"]);
  });

  it("in an argument gets the token of an option, and no other unless it is the configured one", () => {
    writeSecret("option");
    const env = environment({ FLAME_CACHE_TOKEN: "variable", FLAME_CACHE_ENDPOINT: "grpc://127.0.0.1:1" });
    const at = (options: EndpointOptions) => findCache(options, env);
    expect(at({ place: "grpc://127.0.0.1:2" })).toMatchObject({
      endpoint: "grpc://127.0.0.1:2",
      tokenSource: undefined,
      isForeign: true,
    });
    expect(at({ place: "grpc+tcp://127.0.0.1:1" })).toMatchObject({ tokenSource: "FLAME_CACHE_TOKEN" });
    const tokenFile = join(home.path, "option");
    expect(at({ place: "grpc://127.0.0.1:2", tokenFile }).tokenSource).toBe("--token-file");
  });

  it("that is on another host and has no TLS gets the token with a warning, once", () => {
    const env = environment({ FLAME_CACHE_TOKEN: "text" });
    const told = (endpoint: string) => {
      warnings.length = 0;
      findCache({ endpoint }, env);
      return [...warnings];
    };
    expect(told("grpc://192.0.2.77:1")).toEqual([
      "the token is sent to grpc://192.0.2.77:1 without TLS: everyone on the network path can read it; use grpcs://",
    ]);
    expect(told("grpc://192.0.2.77:1")).toEqual([]);
    expect(told("grpcs://192.0.2.78:1")).toEqual([]);
    expect(told("grpc://127.0.0.1:1")).toEqual([]);
  });
});
