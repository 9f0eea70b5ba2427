import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type LoadOptions, loadCacheConfig } from "../../../src/config/load-cache-config.ts";

let root: string;
let home: string;
let env: Record<string, string>;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "flame-config-"));
  home = join(root, "home");
  mkdirSync(home);
  env = { FLAME_HOME: home, HOME: root };
});
afterEach(() => {
  rmSync(root, { recursive: true });
});

function write(name: string, text: string): string {
  const path = join(root, name);
  writeFileSync(path, text);
  return path;
}

const load = (options: LoadOptions = {}) => loadCacheConfig({ env, workingDirectory: root, ...options });

/** A file with every key. @param directory of its CA file */
const fullFile = (directory: string): string => `cluster: { name: other }
cache:
  endpoint: grpcs://0.0.0.0:7000
  advertise: grpc+tls://cache.example.org:443
  network_interface: ^eth
  threads: 4
  admin: "[::1]:7001"
  http: https://0.0.0.0:7002
  storage: /var/lib/cache
  durability: power-loss
  verify_reads: found
  validate_tables: full
  capacity: 10GB
  eviction:
    policy: none
    max_memory: 8G
    max_objects: 1000
  access:
    file: access.yaml
    require_auth: true
  limits:
    calls_memory: 64M
    connections: 100
    idle_call: 90s
  tls:
    cert_file: cert.pem
    key_file: ./key.pem
    ca_file: ${join(directory, "ca.pem")}
    client_ca_file: ca.pem
    client_certificates: optional
  cors_origins: https://app.example, http://localhost:5173
  journal:
    size: 128M
`;

describe("the configuration of a cache server", () => {
  it("is the documented default without any source", () => {
    const { config, warnings, sources } = load();
    expect(config).toEqual({
      endpoint: { scheme: "grpc", host: "127.0.0.1", port: 9090 },
      advertise: undefined,
      networkInterface: undefined,
      admin: { scheme: "http", host: "127.0.0.1", port: 9091 },
      http: undefined,
      corsOrigins: [],
      threads: 1,
      access: { file: undefined, isRequired: false },
      storage: { kind: "none" },
      durability: "restart",
      verifyReads: "always",
      validateTables: "structure",
      capacityBytes: undefined,
      eviction: { policy: "adaptive", maxMemoryBytes: 1024 ** 3, maxObjects: undefined },
      limits: { callsMemoryBytes: 48 * 1024 ** 2, connections: 1024, idleCallMs: 300_000 },
      tls: undefined,
      journalBytes: 64 * 1024 ** 2,
    });
    expect(warnings).toEqual([]);
    expect(new Set(Object.values(sources))).toEqual(new Set(["default"]));
  });

  it("reads every key of the file and tells the line of each", () => {
    write("cert.pem", "");
    write("key.pem", "");
    write("ca.pem", "");
    write("access.yaml", "");
    const configFile = write("full.yaml", fullFile(root));
    const { config, warnings, sources } = load({ configFile });
    expect(config).toEqual({
      endpoint: { scheme: "grpcs", host: "0.0.0.0", port: 7000 },
      advertise: { scheme: "grpcs", host: "cache.example.org", port: 443 },
      networkInterface: "^eth",
      admin: { scheme: "http", host: "::1", port: 7001 },
      http: { scheme: "https", host: "0.0.0.0", port: 7002 },
      corsOrigins: ["https://app.example", "http://localhost:5173"],
      access: { file: join(root, "access.yaml"), isRequired: true },
      threads: 4,
      storage: { kind: "files", directory: "/var/lib/cache" },
      durability: "power-loss",
      verifyReads: "found",
      validateTables: "full",
      capacityBytes: 10 * 1024 ** 3,
      eviction: { policy: "none", maxMemoryBytes: 8 * 1024 ** 3, maxObjects: 1000 },
      limits: { callsMemoryBytes: 64 * 1024 ** 2, connections: 100, idleCallMs: 90_000 },
      tls: {
        certFile: join(root, "cert.pem"),
        keyFile: join(root, "key.pem"),
        caFile: join(root, "ca.pem"),
        clientCaFile: join(root, "ca.pem"),
        clientCertificates: "optional",
      },
      journalBytes: 128 * 1024 ** 2,
    });
    expect(warnings).toEqual([]);
    expect(sources).toEqual({
      endpoint: `${configFile}:3`,
      advertise: `${configFile}:4`,
      networkInterface: `${configFile}:5`,
      threads: `${configFile}:6`,
      admin: `${configFile}:7`,
      http: `${configFile}:8`,
      storage: `${configFile}:9`,
      s3Endpoint: "default",
      s3Region: "default",
      s3PathStyle: "default",
      maxStaleness: "default",
      localCache: "default",
      localCapacity: "default",
      durability: `${configFile}:10`,
      verifyReads: `${configFile}:11`,
      validateTables: `${configFile}:12`,
      capacity: `${configFile}:13`,
      evictionPolicy: `${configFile}:15`,
      maxMemory: `${configFile}:16`,
      maxObjects: `${configFile}:17`,
      accessFile: `${configFile}:19`,
      requireAuth: `${configFile}:20`,
      callsMemory: `${configFile}:22`,
      connections: `${configFile}:23`,
      idleCall: `${configFile}:24`,
      certFile: `${configFile}:26`,
      keyFile: `${configFile}:27`,
      corsOrigins: `${configFile}:31`,
      caFile: `${configFile}:28`,
      clientCaFile: `${configFile}:29`,
      clientCertificates: `${configFile}:30`,
      journalSize: `${configFile}:33`,
    });
  });

  it("takes flag over environment over file over default", () => {
    const configFile = write("order.yaml", "cache:\n  endpoint: grpc://file:1\n  storage: none\n");
    const flags = { endpoint: "grpc://flag:3" };
    env.FLAME_CACHE_ENDPOINT = "grpc://env:2";
    expect(load({ configFile, flags }).config.endpoint.host).toBe("flag");
    expect(load({ configFile, flags }).sources.endpoint).toBe("--endpoint");
    expect(load({ configFile }).config.endpoint.host).toBe("env");
    expect(load({ configFile }).sources.endpoint).toBe("FLAME_CACHE_ENDPOINT");
    delete env.FLAME_CACHE_ENDPOINT;
    expect(load({ configFile }).config.endpoint.host).toBe("file");
    expect(load().config.endpoint.host).toBe("127.0.0.1");
  });

  it("lets the file go before the variables of clients in a server inside of another program", () => {
    const endpoint = "cache:\n  endpoint: grpc://file:1\n";
    const configFile = write("embedded.yaml", `${endpoint}  storage: /file\n`);
    env.FLAME_CACHE_ENDPOINT = "grpc://env:2";
    env.FLAME_CACHE_STORAGE = "/env";
    env.FLAME_CACHE_THREADS = "2";
    const { config, sources } = load({ configFile, isEmbedded: true });
    expect(config).toMatchObject({ endpoint: { host: "file" }, storage: { directory: "/file" }, threads: 2 });
    expect(sources).toMatchObject({ endpoint: `${configFile}:2`, threads: "FLAME_CACHE_THREADS" });
    const flags = { endpoint: "grpc://option:3" };
    expect(load({ configFile, flags, isEmbedded: true }).config.endpoint.host).toBe("option");
    expect(load({ isEmbedded: true }).config.endpoint.host).toBe("env");
  });

  it.each([
    ["FLAME_CACHE_ADVERTISE", "grpc://h:9", { advertise: { scheme: "grpc", host: "h", port: 9 } }],
    ["FLAME_CACHE_CAPACITY", "2T", { capacityBytes: 2 * 1024 ** 4 }],
    ["FLAME_CACHE_EVICTION_POLICY", "none", { eviction: { policy: "none" } }],
    ["FLAME_CACHE_EVICTION_POLICY", "LRU", { eviction: { policy: "lru" } }],
    ["FLAME_CACHE_EVICTION_POLICY", "s3-fifo", { eviction: { policy: "s3-fifo" } }],
    ["FLAME_CACHE_EVICTION_POLICY", "adaptive", { eviction: { policy: "adaptive" } }],
    ["FLAME_CACHE_MAX_MEMORY", "2G", { eviction: { maxMemoryBytes: 2 * 1024 ** 3 } }],
    ["FLAME_CACHE_THREADS", "8", { threads: 8 }],
    ["FLAME_CACHE_MAX_OBJECTS", "5", { eviction: { maxObjects: 5 } }],
    ["FLAME_CACHE_STORAGE", "/x", { storage: { kind: "files", directory: "/x" } }],
  ])("takes %s from the environment", (name, value, expected) => {
    env[name] = value;
    expect(load().config).toMatchObject(expected);
  });

  it("takes the durability from the environment, in any case", () => {
    env.FLAME_CACHE_STORAGE = "/x";
    env.FLAME_CACHE_DURABILITY = "Power-Loss";
    expect(load().config.durability).toBe("power-loss");
    expect(load().sources.durability).toBe("FLAME_CACHE_DURABILITY");
  });

  it("takes an empty variable for one that is not set, and null in the file likewise", () => {
    env.FLAME_CACHE_MAX_MEMORY = "";
    const configFile = write("null.yaml", "cache:\n  endpoint:\n  eviction:\n  tls: {ca_file: null}\n");
    expect(load({ configFile }).config).toEqual(load().config);
  });

  it.each(["", "# nothing\n", "session: {}\n", "cache:\n", "cache: {}\n"])(
    "may be missing from the file: %j",
    (text) => {
      expect(load({ configFile: write("none.yaml", text) }).config).toEqual(load().config);
    },
  );

  it("is read from flame-cluster.yaml in FLAME_HOME when no file is named", () => {
    writeFileSync(join(home, "flame-cluster.yaml"), "cache: {endpoint: 'grpc://found:1'}\n");
    expect(load().config.endpoint.host).toBe("found");
  });

  it("has ~/.flame for FLAME_HOME when that is not set", () => {
    mkdirSync(join(root, ".flame"));
    writeFileSync(join(root, ".flame", "flame-cluster.yaml"), "cache: {storage: data}\n");
    expect(load({ env: { HOME: root } }).config.storage).toEqual({
      kind: "files",
      directory: join(root, ".flame", "data"),
    });
  });

  it("has the store of a bucket from the file, and its region from the variables of AWS", () => {
    const text = "cache:\n  storage: s3://bucket/p\n  s3: {endpoint: http://store, path_style: false}\n";
    const configFile = write("bucket.yaml", `${text}  max_staleness: 2s\n`);
    expect(load({ configFile, env: { AWS_REGION: "eu-west-1" } }).config.storage).toEqual({
      kind: "s3",
      bucket: "bucket",
      prefix: "p",
      endpoint: "http://store",
      region: "eu-west-1",
      pathStyle: false,
      maxStalenessMs: 2000,
      localCache: undefined,
    });
  });

  it("has the local cache of a bucket under FLAME_HOME from file and environment, under the working directory from a flag", () => {
    const configFile = write(
      "local.yaml",
      "cache: {storage: s3://bucket, local_cache: near, local_capacity: 1.5T}\n",
    );
    const localCache = (flags = {}): unknown => {
      const { storage } = load({ configFile, flags }).config;
      return "localCache" in storage ? storage.localCache : undefined;
    };
    expect(localCache()).toEqual({ directory: join(home, "near"), capacityBytes: 1.5 * 1024 ** 4 });
    env.FLAME_CACHE_LOCAL_CACHE = "~/env";
    env.FLAME_CACHE_LOCAL_CAPACITY = "1G";
    expect(localCache()).toMatchObject({ directory: join(root, "env"), capacityBytes: 1024 ** 3 });
    expect(localCache({ localCache: "here", localCapacity: "2G" })).toEqual({
      directory: join(root, "here"),
      capacityBytes: 2 * 1024 ** 3,
    });
  });

  it("has relative storage under FLAME_HOME from file and environment, under the working directory from a flag", () => {
    const configFile = write("relative.yaml", "cache:\n  storage: fs://in-file\n");
    expect(load({ configFile }).config.storage).toEqual({ kind: "files", directory: join(home, "in-file") });
    env.FLAME_CACHE_STORAGE = "in-env";
    expect(load({ configFile }).config.storage).toEqual({ kind: "files", directory: join(home, "in-env") });
    expect(load({ configFile, flags: { storage: ".flame" } }).config.storage).toEqual({
      kind: "files",
      directory: join(root, ".flame"),
    });
  });

  it("can be handed to a worker thread", () => {
    const { config } = load();
    expect(structuredClone(config)).toEqual(config);
  });
});
