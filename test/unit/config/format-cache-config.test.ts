import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { formatCacheConfig } from "../../../src/config/format-cache-config.ts";
import { loadCacheConfig } from "../../../src/config/load-cache-config.ts";

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "flame-config-"));
});
afterEach(() => {
  rmSync(root, { recursive: true });
});

describe("the printed configuration", () => {
  it("has each value with its source", () => {
    const env = { FLAME_HOME: root, FLAME_CACHE_MAX_MEMORY: "2048M" };
    const loaded = loadCacheConfig({ env, flags: { storage: "/data: #1" } });
    expect(formatCacheConfig(loaded)).toBe(`cache:
  endpoint: grpc://127.0.0.1:9090 # default
  # advertise: not set
  # network_interface: not set
  admin: http://127.0.0.1:9091 # default
  http: none # default
  cors_origins: none # default
  threads: 1 # default
  storage: "/data: #1" # --storage
  s3:
    # endpoint: not set
    # region: not set
    # path_style: not set
  max_staleness: none # default
  # local_cache: not set
  # local_capacity: not set
  durability: restart # default
  verify_reads: always # default
  validate_tables: structure # default
  # capacity: not set
  eviction:
    policy: adaptive # default
    max_memory: 2G # FLAME_CACHE_MAX_MEMORY
    # max_objects: not set
  access:
    # file: not set
    require_auth: false # default
  limits:
    calls_memory: 48M # default
    connections: 1024 # default
    idle_call: 5m # default
  tls:
    # cert_file: not set
    # key_file: not set
    # ca_file: not set
    # client_ca_file: not set
    # client_certificates: not set
  journal:
    size: 64M # default
`);
  });

  it("gives the same configuration when it is read again", () => {
    const pem = join(root, "a b.pem");
    writeFileSync(pem, "");
    const file = join(root, "first.yaml");
    writeFileSync(
      file,
      `cache:
  endpoint: grpc+tls://[::1]:0
  advertise: grpc://cache.example.org:443
  network_interface: "^(eth|en)\\\\d+: $"
  threads: 3
  storage: "fs:///data/\\"quoted\\" \\ttab"
  durability: power-loss
  capacity: 1000003
  eviction: {policy: none, max_memory: 1000001, max_objects: 7}
  tls: {cert_file: "${pem}", key_file: "${pem}", ca_file: "${pem}", client_ca_file: "${pem}", client_certificates: optional}
`,
    );
    const env = { FLAME_HOME: root };
    const first = loadCacheConfig({ env, configFile: file });
    const again = join(root, "again.yaml");
    writeFileSync(again, formatCacheConfig(first));
    const second = loadCacheConfig({ env, configFile: again });
    expect(second.config).toEqual(first.config);
    expect(second.warnings).toEqual([]);
  });
});
