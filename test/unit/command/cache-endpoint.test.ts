import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { findCache } from "../../../src/command/cache-endpoint.ts";
import { type TemporaryDirectory, temporaryDirectory } from "../../support/temporary-directory.ts";

let home: TemporaryDirectory;
beforeEach(() => {
  home = temporaryDirectory("endpoint");
});
afterEach(() => {
  home.remove();
});

const environment = (more: Record<string, string> = {}) => ({ HOME: home.path, ...more });

function clientFile(text: string): void {
  mkdirSync(join(home.path, ".flame"));
  writeFileSync(join(home.path, ".flame", "flame.yaml"), text);
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
    expect(ca({})).toEqual({ endpoint: "grpc+tls://h:1", ca: Buffer.from("A") });
    expect(ca({ caFile: join(home.path, "b.pem") }).ca).toEqual(Buffer.from("B"));
    expect(ca({ endpoint: "grpc://h:1" })).toEqual({ endpoint: "grpc://h:1" });
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
});
