import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { loadCacheConfig } from "../../../src/config/load-cache-config.ts";
import { CacheError } from "../../../src/errors.ts";

let root: string;
let env: Record<string, string>;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "flame-config-"));
  env = { FLAME_HOME: root, HOME: root };
});
afterEach(() => {
  rmSync(root, { recursive: true });
});

function loadText(text: string) {
  const configFile = join(root, "c.yaml");
  writeFileSync(configFile, text);
  return loadCacheConfig({ env, configFile, workingDirectory: root });
}

function refusal(attempt: () => unknown): CacheError {
  try {
    attempt();
  } catch (error) {
    expect(error).toBeInstanceOf(CacheError);
    return error as CacheError;
  }
  throw new Error("it was accepted");
}

describe("a wrong configuration value", () => {
  it("is refused with key, value, file and line", () => {
    const error = refusal(() => loadText("cache:\n  eviction:\n    max_memory: 8Q\n"));
    expect(error.code).toBe("INVALID_CONFIG");
    expect(error.message).toBe(
      `[INVALID_CONFIG] cache.eviction.max_memory must be a size: a number, optionally followed by K, M, G, T or P, such as 8G: got "8Q" (${root}/c.yaml:3)`,
    );
    expect(error.facts).toEqual({
      key: "cache.eviction.max_memory",
      value: '"8Q"',
      source: `${root}/c.yaml:3`,
    });
  });

  it("is refused with the name of its variable", () => {
    env.FLAME_CACHE_MAX_OBJECTS = "many";
    const error = refusal(() => loadCacheConfig({ env }));
    expect(error.message).toMatch(
      /cache\.eviction\.max_objects must be .*: got "many" \(FLAME_CACHE_MAX_OBJECTS\)$/,
    );
  });

  it("is refused with the name of its flag, also when other sources are right", () => {
    const error = refusal(() => loadCacheConfig({ env, flags: { endpoint: "http://x" } }));
    expect(error.message).toMatch(/cache\.endpoint must be .*: got "http:\/\/x" \(--endpoint\)$/);
  });

  it("is refused when a flag is empty, which a shell makes of a variable that is not set", () => {
    expect(refusal(() => loadCacheConfig({ env, flags: { storage: "" } })).message).toContain(
      'cache.storage must not be empty: got "" (--storage)',
    );
  });

  it.each([
    ["cache: {threads: 0}", "cache.threads must be a whole number from 1 to 64: got 0"],
    ["cache: {threads: 65}", "cache.threads must be a whole number from 1 to 64: got 65"],
    ["cache: {threads: many}", 'cache.threads must be a whole number from 1 to 64: got "many"'],
    ["cache: {eviction: {policy: fifo}}", "cache.eviction.policy must be adaptive, lru, s3-fifo or none"],
    [
      "cache: {eviction: {max_objects: 0}}",
      "cache.eviction.max_objects must be a whole number of at least 1",
    ],
    ["cache: {eviction: {max_objects: 1.5}}", "cache.eviction.max_objects must be a whole number"],
    ["cache: {eviction: {max_objects: -1}}", "cache.eviction.max_objects must be a whole number"],
    ["cache: {eviction: {max_memory: true}}", "cache.eviction.max_memory must be text or a number"],
    [
      "cache: {endpoint: 'localhost:9090'}",
      "cache.endpoint must begin with grpc://, or grpcs:// for TLS: write",
    ],
    ["cache: {endpoint: 9090}", "or grpcs:// for TLS: write grpc://127.0.0.1:9090: got 9090"],
    ["cache: {endpoint: ':9090'}", "or grpcs:// for TLS: write grpc://127.0.0.1:9090: got"],
    [
      "cache: {endpoint: 'http://h:1'}",
      "must be grpc://HOST:PORT, or grpcs://HOST:PORT for TLS: write grpc://h:1",
    ],
    [
      "cache: {endpoint: 'https://h:1'}",
      "must be grpc://HOST:PORT, or grpcs://HOST:PORT for TLS: write grpcs://h:1",
    ],
    ["cache: {endpoint: 'http://h/x'}", "must be grpc://HOST:PORT, or grpcs://HOST:PORT for TLS: got"],
    ["cache: {advertise: 'grpc://h:0'}", "cache.advertise must have a port that clients can dial, not 0"],
    ["cache: {advertise: 'grpc://0.0.0.0:1'}", "cache.advertise must have a host that clients can dial"],
    ["cache: {advertise: 'cache:9090'}", "cache.advertise must begin with grpc://, or grpcs:// for TLS"],
    ["cache: {eviction: lru}", "cache.eviction must be a mapping"],
    ["cache: {tls: [a]}", "cache.tls must be a mapping"],
    ["cache: grpc://127.0.0.1:9090", "cache must be a mapping"],
    ["- cache", "the file must be a mapping"],
    ["cache: {network_interface: '('}", "cache.network_interface must be a regular expression"],
    [
      `cache: {network_interface: ${"a".repeat(300)}}`,
      "cache.network_interface must have at most 256 characters",
    ],
    [
      "cache: {storage: 'gs://bucket'}",
      "cache.storage must be none, a path, fs://PATH, file://PATH or s3://BUCKET/PREFIX",
    ],
    ["cache: {storage: 's3://bucket/a b'}", "cache.storage must have a prefix of letters, digits and ._-=@"],
    ["cache: {storage: 's3:///p'}", "cache.storage must have the name of a bucket after s3://"],
    ["cache: {s3: {endpoint: 'store:80'}}", "cache.s3.endpoint must be the URL of an S3 store"],
    ["cache: {s3: {region: 'a b'}}", "cache.s3.region must be the name of a region"],
    [
      "cache: {storage: /x, local_cache: /y}",
      "cache.local_cache needs storage s3://BUCKET/PREFIX, of which it has copies (storage from ",
    ],
    [
      "cache: {storage: 's3://bucket', local_capacity: 1G}",
      "cache.local_capacity needs cache.local_cache, the directory that it bounds: got",
    ],
    [
      "cache: {storage: 's3://bucket', local_cache: /y, local_capacity: 0}",
      "must be a size of at least one byte",
    ],
    ["cache: {max_staleness: soon}", "cache.max_staleness must be a duration"],
    [
      "cache: {durability: fsync, storage: /x}",
      'cache.durability must be restart or power-loss: got "fsync"',
    ],
    [
      "cache: {durability: power-loss}",
      "cache.durability must be restart if storage is none (storage from default)",
    ],
    ["cache: {storage: [a, b]}", 'cache.storage must be text or a number: got ["a","b"]'],
    ["cache: {endpoint: 'grpcs://h:1'}", "cache.tls.cert_file must be set when the endpoint is grpcs://"],
    ["cache: {endpoint: 'grpcs://h:1', tls: {cert_file: c.yaml}}", "cache.tls.key_file must be set"],
    [
      "cache: {endpoint: 'grpcs://h:1', tls: {cert_file: nowhere}}",
      'must be a file that can be read: got "nowhere"',
    ],
    ["cache: {journal: {size: 1M}}", "cache.journal.size must be none, or a size of at least 4M: got"],
    ["cache: [", "is not valid YAML"],
  ])("is refused: %s", (text, message) => {
    const error = refusal(() => loadText(text));
    expect(error.message).toContain(message);
    expect(error.message).toContain(join(root, "c.yaml"));
  });

  it("stays on one line and short in the message, whatever it is", () => {
    const text = JSON.stringify(`a\nb${"x".repeat(100_000)}`);
    const { message } = refusal(() => loadText(`cache: {endpoint: ${text}}`));
    expect(message).not.toContain("\n");
    expect(message.length).toBeLessThan(600);
  });

  it("is a configuration file that was named and does not exist", () => {
    expect(refusal(() => loadCacheConfig({ env, configFile: "nowhere.yaml" })).message).toBe(
      '[INVALID_CONFIG] the configuration file does not exist: got "nowhere.yaml" (--config)',
    );
  });
});

describe("a key that nobody knows", () => {
  it.each([
    ["cache: {endpoit: x}", "cache.endpoit", "cache.endpoint"],
    ["cache: {evction: {policy: lru}}", "cache.evction", "cache.eviction"],
    ["cache: {eviction: {max_memroy: 1G}}", "cache.eviction.max_memroy", "cache.eviction.max_memory"],
    ["cache: {max_memory: 1G}", "cache.max_memory", "cache.eviction.max_memory"],
    ["cache: {cert-file: x}", "cache.cert-file", "cache.tls.cert_file"],
    ["cache: {eviction.policy: none}", 'cache."eviction.policy"', "cache.eviction.policy"],
    ["cache: {colour: red}", "cache.colour", undefined],
    ["cache: {__proto__: {storage: /x}}", "cache.__proto__", undefined],
  ])("is a warning with a suggestion: %s", (text, key, suggestion) => {
    const { warnings, config } = loadText(text);
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toMatchObject({
      text: "unknown configuration key, ignored",
      key,
      source: `${root}/c.yaml:1`,
    });
    expect(warnings[0]?.suggestion).toBe(suggestion);
    expect(config).toEqual(loadCacheConfig({ env }).config);
  });

  it("is none of our business outside the section", () => {
    expect(loadText("sesion: {x: 1}\ncaches: {}\n").warnings).toEqual([]);
  });

  it("is joined by TLS settings that have no effect, unless they come from the environment", () => {
    env.FLAME_CA_FILE = "/nowhere.pem";
    const { warnings, config } = loadText("cache:\n  tls:\n    cert_file: nowhere\n");
    expect(config.tls).toBeUndefined();
    expect(warnings).toEqual([
      {
        text: "TLS setting ignored: the endpoint is not grpcs://, and no listener is https://",
        key: "cache.tls.cert_file",
        source: `${root}/c.yaml:3`,
      },
    ]);
  });
});
