import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { loadClientConfig } from "../../../src/config/client-config.ts";

let root: string;
let env: Record<string, string>;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "flame-client-"));
  env = { HOME: root };
  mkdirSync(join(root, ".flame"));
});
afterEach(() => {
  rmSync(root, { recursive: true });
});

function loadText(text: string) {
  writeFileSync(join(root, ".flame", "flame.yaml"), text);
  return loadClientConfig({ env });
}

const noneOf = (fileEndpoint?: string) => ({ environment: {}, file: {}, fileEndpoint });
const CACHE_HOST = { scheme: "grpc", host: "cache", port: 9090 };

describe("flame.yaml of generation 1", () => {
  const TWO = `
current-cluster: second
clusters:
  - name: first
    endpoint: http://first:8080
    cache: grpc://wrong:1
  - name: second
    endpoint: http://second:8080
    cache: grpc://cache:9090
`;

  it("gives the cluster that is current", () => {
    expect(loadText(TWO)).toEqual({
      name: "second",
      clusterEndpoint: "http://second:8080",
      cache: {
        endpoint: CACHE_HOST,
        storage: { kind: "none" },
        caFile: undefined,
        zeroCopy: true,
        credentials: noneOf("grpc://cache:9090"),
      },
    });
  });

  it("gives the only cluster without naming it", () => {
    const config = loadText(
      "clusters: [{name: only, endpoint: 'http://x', cache: {endpoint: 'grpc://cache:9090'}}]",
    );
    expect(config.name).toBe("only");
    expect(config.cache.endpoint).toEqual(CACHE_HOST);
  });

  it("may say nothing about the cache", () => {
    expect(loadText("clusters: [{name: only}]").cache.endpoint).toBeUndefined();
  });

  it("is refused when several clusters are listed and none is current", () => {
    expect(() => loadText(TWO.replace(/current.*/, ""))).toThrow(
      /\[INVALID_CONFIG\] current-cluster must name one of first, second \(.*flame\.yaml\)/,
    );
  });

  it("is refused when the current cluster is not listed", () => {
    expect(() => loadText(TWO.replace("current-cluster: second", "current-cluster: third"))).toThrow(
      /current-cluster must be one of first, second: got "third" \(.*flame\.yaml:2\)/,
    );
  });
});

describe("flame.yaml of generation 2", () => {
  const FULL = `
current-context: prod
contexts:
  - name: dev
    cluster: {endpoint: "http://dev:8080"}
  - name: prod
    cluster:
      endpoint: https://prod:8080
      tls: {ca_file: /cluster/ca.pem}
    cache:
      endpoint: grpc+tls://cache:9090
      storage: fs://shared
      tls:
        ca_file: ca.pem
    package: {storage: "file:///x"}
`;

  it("gives the context that is current, with storage under FLAME_HOME and files beside the file", () => {
    expect(loadText(FULL)).toEqual({
      name: "prod",
      clusterEndpoint: "https://prod:8080",
      cache: {
        endpoint: { scheme: "grpcs", host: "cache", port: 9090 },
        storage: { kind: "files", directory: join(root, ".flame", "shared") },
        caFile: join(root, ".flame", "ca.pem"),
        zeroCopy: true,
        credentials: noneOf("grpc+tls://cache:9090"),
      },
    });
  });

  it("is what is read when both generations stand in one file", () => {
    expect(loadText(`clusters: [{name: old, cache: "grpc://old:1"}]\n${FULL}`).name).toBe("prod");
  });

  it("takes the cache as plain text", () => {
    expect(loadText("contexts: [{name: a, cache: 'grpc://cache:9090'}]").cache.endpoint).toEqual(CACHE_HOST);
  });
});

describe("the configuration of a client", () => {
  it("is empty without file and environment", () => {
    expect(loadClientConfig({ env })).toEqual({
      name: undefined,
      clusterEndpoint: undefined,
      cache: {
        endpoint: undefined,
        storage: { kind: "none" },
        caFile: undefined,
        zeroCopy: true,
        credentials: noneOf(),
      },
    });
  });

  it("takes the environment over the file", () => {
    env.FLAME_CACHE_ENDPOINT = "grpc://env:1";
    env.FLAME_CACHE_STORAGE = "/shared";
    env.FLAME_CA_FILE = "/env/ca.pem";
    expect(
      loadText("clusters: [{name: a, cache: {endpoint: 'grpc://cache:9090', storage: none}}]").cache,
    ).toEqual({
      endpoint: { scheme: "grpc", host: "env", port: 1 },
      storage: { kind: "files", directory: "/shared" },
      caFile: "/env/ca.pem",
      zeroCopy: true,
      credentials: noneOf("grpc://cache:9090"),
    });
  });

  it("names the credentials of environment and file with their sources, and knows no token in the file", () => {
    env.FLAME_CACHE_TOKEN = "text";
    env.FLAME_CACHE_TOKEN_FILE = "/env/token";
    env.FLAME_CACHE_CLIENT_CERT = "~/env.pem";
    env.FLAME_CACHE_CLIENT_KEY = " ";
    const text =
      "clusters:\n- name: a\n  cache:\n    token: written\n    token_file: token\n    client_cert_file: ~/c.pem\n    client_key_file: /k.pem";
    const file = join(root, ".flame", "flame.yaml");
    expect(loadText(text).cache.credentials).toEqual({
      environment: {
        token: { text: "text", source: "FLAME_CACHE_TOKEN" },
        tokenFile: { text: "/env/token", source: "FLAME_CACHE_TOKEN_FILE" },
        certFile: { text: join(root, "env.pem"), source: "FLAME_CACHE_CLIENT_CERT" },
      },
      file: {
        tokenFile: { text: join(root, ".flame", "token"), source: `${file}:5` },
        certFile: { text: join(root, "c.pem"), source: `${file}:6` },
        keyFile: { text: "/k.pem", source: `${file}:7` },
      },
      fileEndpoint: undefined,
    });
  });

  it.each([
    ["true", true],
    ["false", false],
    ["off", false],
    ["'0'", false],
    ["1", true],
  ])("says in the file whether files on this host are read directly: %s", (text, zeroCopy) => {
    expect(loadText(`contexts: [{name: a, cache: {zero_copy: ${text}}}]`).cache.zeroCopy).toBe(zeroCopy);
  });

  it("takes FLAME_ZERO_COPY over the file", () => {
    env.FLAME_ZERO_COPY = "0";
    expect(loadText("contexts: [{name: a, cache: {zero_copy: true}}]").cache.zeroCopy).toBe(false);
  });

  it("is looked for in FLAME_HOME first", () => {
    env.FLAME_HOME = join(root, "installed");
    expect(loadText("clusters: [{name: user}]").name).toBe("user");
    mkdirSync(env.FLAME_HOME);
    writeFileSync(join(env.FLAME_HOME, "flame.yaml"), "clusters: [{name: installed}]");
    expect(loadClientConfig({ env }).name).toBe("installed");
  });

  it.each(["", "unrelated: true", "clusters: []", "clusters:"])(
    "is empty for a file that lists nothing: %j",
    (text) => {
      expect(loadText(text).name).toBeUndefined();
    },
  );

  it.each([
    ["clusters: {name: a}", /clusters must be a list: got .* \(.*flame\.yaml:1\)/],
    ["clusters:\n  - endpoint: x", /clusters\[0\]\.name must be text: got undefined \(.*flame\.yaml:2\)/],
    ["clusters: [a]", /clusters\[0\] must be a mapping: got "a"/],
    ["contexts: [{name: a, cache: 7}]", /contexts\[0\]\.cache must be an endpoint, or a mapping/],
    ["contexts: [{name: a, cluster: x}]", /contexts\[0\]\.cluster must be a mapping: got "x"/],
    ["current-context: 7\ncontexts: []", /current-context must be text: got 7/],
    [
      "clusters: [{name: a, cache: 'http://x'}]",
      /cache\.endpoint must be grpc.*: got "http:\/\/x" \(.*flame\.yaml:1\)/,
    ],
    [
      "contexts: [{name: a, cache: {zero_copy: perhaps}}]",
      /cache\.zero_copy must be true or false: got "perhaps" \(.*flame\.yaml:1\)/,
    ],
    ["- a", /the file must be a mapping/],
  ])("is refused with its place: %j", (text, message) => {
    expect(() => loadText(text)).toThrow(message);
  });

  it("is refused when a file was named and does not exist", () => {
    expect(() => loadClientConfig({ env, configFile: join(root, "x.yaml") })).toThrow(
      /INVALID_CONFIG.*does not exist/,
    );
  });
});
