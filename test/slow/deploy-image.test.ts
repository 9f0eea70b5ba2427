/**
 * The image of the Dockerfile, built step by step and run as a container runs, but without a container engine: see
 * test/support/image. With the service of compose.yaml as well.
 *
 * Needs root and namespaces; elsewhere the tests are skipped and say so. A part of `npm run test:slow`.
 */
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { parse } from "yaml";
import { builtDoor } from "../support/built-package.ts";
import { selfSignedCertificate } from "../support/certificate.ts";
import { readComposeFile, serviceEnvironment } from "../support/compose-file.ts";
import { Container, type ContainerOptions } from "../support/image/container.ts";
import { imageConfig, instructionsOf, parseDockerfile } from "../support/image/dockerfile.ts";
import { buildImage, type ImageRoot, imageAbsence } from "../support/image/image-root.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";
import { runTool } from "../support/tools.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const HOME = "/opt/flame-object-cache";
const STORAGE = "/var/lib/flame-object-cache";
/** As docs/deployment.md and compose.yaml have it. */
const GRACE_MS = 30_000;
const KEY = "demo/first/note";

const absence = imageAbsence();
process.stdout.write(absence === undefined ? "" : `\nimage of the Dockerfile: NOT TESTED: ${absence}\n`);
const isSkipped = absence !== undefined;

const page = readFileSync(join(ROOT, "docs/deployment.md"), "utf8");
const stages = parseDockerfile(readFileSync(join(ROOT, "Dockerfile"), "utf8"));
const manifest = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
const lock = JSON.parse(readFileSync(join(ROOT, "package-lock.json"), "utf8"));
const server = imageConfig(instructionsOf(stages, "server"));
const host = imageConfig(instructionsOf(stages, "executor-manager"));
const directory = temporaryDirectory("image");
let images: Map<string, ImageRoot>;

afterAll(() => directory.remove());

/** A new named volume: Docker gives it the owner and the mode of the image's folder. */
function newVolume(): string {
  const volume = mkdtempSync(join(directory.path, "volume-"));
  const { uid, gid } = statSync(join(images.get("runtime")!.root, STORAGE));
  chownSync(volume, uid, gid);
  return volume;
}

function start(options: Omit<ContainerOptions, "image" | "config">): Container {
  return started({ image: images.get("server")!, config: server, ...options });
}

function started(options: ContainerOptions): Container {
  const container = new Container(options);
  onTestFinished(() => container[Symbol.asyncDispose]());
  return container;
}

describe("the Dockerfile", () => {
  test("names the version, the user by numbers, both ports, the volume and the signal", () => {
    expect(server).toMatchObject({
      user: "10001:10001",
      ports: ["9090", "9091"],
      volumes: [STORAGE],
      stopSignal: "SIGTERM",
      environment: { FLAME_HOME: "/etc/flame", NODE_ENV: "production" },
    });
    expect(server.labels["org.opencontainers.image.version"]).toBe(manifest.version);
  });

  test("builds from the Node that it names, and ends with the server", () => {
    expect(stages.map(({ from, name }) => `${from} > ${name}`)).toEqual([
      "node:22-slim > build",
      "node:22-slim > dependencies",
      "node:22-slim > runtime",
      "runtime > executor-manager",
      "runtime > server",
    ]);
  });
});

describe.skipIf(isSkipped)("the image", () => {
  beforeAll(async () => {
    await builtDoor();
    images = buildImage(directory.path);
  });

  test("has the built package and its dependencies, and nothing that only a build needs", () => {
    const { root } = images.get("server")!;
    expect(readdirSync(join(root, HOME)).toSorted()).toEqual([
      "CHANGELOG.md",
      "LICENSE",
      "dist",
      "health-check.mjs",
      "node_modules",
      "package.json",
    ]);
    const installed = readdirSync(join(root, HOME, "node_modules"), { recursive: true, encoding: "utf8" });
    const needed = Object.entries<{ dev?: boolean; devOptional?: boolean; peer?: boolean }>(lock.packages)
      .filter(([path, { dev, devOptional, peer }]) => path !== "" && !(dev || devOptional || peer))
      .map(([path]) => path.replace("node_modules/", ""));
    const packages = installed
      .filter((path) => /^(@[^/]+\/)?[^/@.][^/]*\/package\.json$/.test(path))
      .map((path) => path.replace("/package.json", ""));
    expect(packages.toSorted()).toEqual(needed.toSorted());
  });

  test("runs as its user, as process 1, without capabilities, and writes only to the volume", async () => {
    const cache = start({ volume: newVolume() });
    await cache.wrote("stdout", /^listening on grpc:\/\/127\.0\.0\.1:9090\n$/);
    const status = (await cache.exec(["cat", "/proc/1/status"])).stdout;
    expect(status).toMatch(/^Name:\tnode$/m);
    expect(status).toMatch(/^Uid:\t10001\t10001\t10001\t10001$/m);
    expect(status).toMatch(/^CapEff:\t0+$/m);
    expect(status).toMatch(/^NoNewPrivs:\t1$/m);
    const paths = ["/x", `${HOME}/x`, "/etc/flame/x", "/tmp/x", "/usr/local/bin/x"];
    const refused = await Promise.all(paths.map((path) => cache.exec(["touch", path])));
    expect(refused.map(({ stderr }) => /Read-only file system/.test(stderr))).toEqual(paths.map(() => true));
    expect((await cache.exec(["touch", `${STORAGE}/x`])).code).toBe(0);
  });

  test("keeps an object when SIGTERM has ended it with 0 and it starts again", async () => {
    const volume = newVolume();
    const first = start({ volume });
    await first.wrote("stdout", /listening/);
    const put = ["sh", "-c", `printf 'first put' | flame-object-cache put - --key ${KEY}`];
    expect(await first.exec(put)).toMatchObject({ code: 0, stdout: `${KEY} version 1\n` });
    expect(await first.stop(GRACE_MS)).toBe(0);
    expect(first.stderr).toContain('"reason":"SIGTERM"');
    const second = start({ volume });
    await second.wrote("stdout", /listening/);
    const got = await second.exec(["flame-object-cache", "get", KEY]);
    expect(got).toMatchObject({ code: 0, stdout: "first put" });
    expect(await second.stop(GRACE_MS)).toBe(0);
  });

  test("is healthy when the server is ready, also with another admin port, and unhealthy without it", async () => {
    const check = server.healthCheck;
    const cache = start({ volume: newVolume() });
    await cache.wrote("stdout", /listening/);
    expect(await cache.exec(check)).toEqual({ code: 0, stdout: "", stderr: "" });
    expect((await cache.exec(check, { FLAME_CACHE_ADMIN: "127.0.0.1:1" })).code).toBe(1);
    const environment = { FLAME_CACHE_ADMIN: "0.0.0.0:9999" };
    const moved = start({ volume: newVolume(), environment });
    await moved.wrote("stdout", /listening/);
    expect((await moved.exec(check)).code).toBe(0);
    const without = start({ volume: newVolume(), environment: { FLAME_CACHE_ADMIN: "none" } });
    await without.wrote("stdout", /listening/);
    expect(await without.exec(check)).toMatchObject({ code: 1, stderr: expect.stringContaining("disable") });
  });

  test("reads a configuration file that is mounted over its own", async () => {
    const file = join(directory.path, "mounted.yaml");
    writeFileSync(file, `cache:\n  endpoint: grpc://127.0.0.1:7070\n  storage: ${STORAGE}/below\n`);
    const volume = newVolume();
    const cache = start({ volume, files: { "/etc/flame/flame-cluster.yaml": file } });
    await cache.wrote("stdout", /listening on grpc:\/\/127\.0\.0\.1:7070\n/);
    expect(existsSync(join(volume, "below"))).toBe(true);
  });

  test("serves with TLS to owners of tokens alone, configured as docs/deployment.md shows it", async () => {
    const [, text = ""] = /^### TLS and tokens\n[\s\S]*?^```yaml\n([\s\S]*?)^```/m.exec(page) ?? [];
    const home = mkdtempSync(join(directory.path, "secured-"));
    writeFileSync(join(home, "flame-cluster.yaml"), text);
    const certificate = selfSignedCertificate();
    mkdirSync(join(home, "certs"));
    writeFileSync(join(home, "certs/tls.crt"), certificate.cert);
    writeFileSync(join(home, "certs/tls.key"), certificate.key);
    const create =
      /^flame-object-cache (token create .*)$/m.exec(page)?.[1]?.replaceAll("'", "").split(" ") ?? [];
    mkdirSync(join(home, "access"));
    const token = runTool([process.execPath, join(ROOT, "dist/cli.js"), ...create], home).stdout.trim();
    chmodSync(join(home, "access/access.yaml"), 0o644);
    const names = ["flame-cluster.yaml", "certs", "access"];
    const files = Object.fromEntries(names.map((name) => [`/etc/flame/${name}`, join(home, name)]));
    const cache = start({ volume: newVolume(), files });
    await cache.wrote("stdout", /^listening on grpc\+tls:/);
    expect((await cache.exec(server.healthCheck)).code).toBe(0);
    const caller = {
      FLAME_CACHE_ENDPOINT: "grpcs://127.0.0.1:9090",
      FLAME_CA_FILE: "/etc/flame/certs/tls.crt",
    };
    const put = ["sh", "-c", `echo hello | flame-object-cache put - --key ${KEY}`];
    expect(await cache.exec(put, caller)).toMatchObject({ code: 77, stdout: "" });
    expect(await cache.exec(put, { ...caller, FLAME_CACHE_TOKEN: token })).toMatchObject({
      code: 0,
      stderr: "",
    });
  });

  test("runs a verb of the command instead of the server", async () => {
    const verb = start({ volume: newVolume(), command: ["--version"] });
    expect(await verb.ended).toBe(0);
    expect(verb.stdout).toBe(`${manifest.version}\n`);
  });
});

describe.skipIf(isSkipped)("the service of compose.yaml", () => {
  test("serves a cache inside the example host, logs as RUST_LOG says, and keeps objects", async () => {
    const service = readComposeFile("compose.yaml").services["executor-manager"]!;
    expect(service.build).toEqual({ context: ".", target: "executor-manager" });
    const bind = service.volumes?.find((each) => typeof each === "object") as {
      source: string;
      target: string;
    };
    const options = {
      image: images.get("executor-manager")!,
      config: host,
      volume: newVolume(),
      command: service.command as string[],
      environment: serviceEnvironment(service, { RUST_LOG: "info,flame_cache::flight=debug" }),
      files: { [bind.target]: join(ROOT, bind.source) },
    };
    const first = started(options);
    await first.wrote("stdout", /^cache at grpc:\/\/127\.0\.0\.1:9090\n/);
    const check = service.healthcheck?.test.slice(1) ?? [];
    expect(await first.exec(check)).toEqual({ code: 0, stdout: "", stderr: "" });
    const put = ["sh", "-c", `printf 'from compose' | flame-object-cache put - --key ${KEY}`];
    expect(await first.exec(put)).toMatchObject({ code: 0, stdout: `${KEY} version 1\n` });
    await first.wrote("stderr", new RegExp(`"method":"DoPut".*"key":"${KEY}"`));
    expect(await first.stop(GRACE_MS)).toBe(0);
    expect(first.stdout).toMatch(/cache stopped\n$/);
    const second = started(options);
    await second.wrote("stdout", /cache at/);
    expect(await second.exec(["flame-object-cache", "get", KEY])).toMatchObject({ stdout: "from compose" });
    expect(await second.stop(GRACE_MS)).toBe(0);
  });

  test("keeps the settings of the image's configuration file", () => {
    const { cache } = parse(readFileSync(join(ROOT, "deploy/flame-cluster.yaml"), "utf8"));
    expect(cache).toMatchObject({ endpoint: "grpc://0.0.0.0:9090", storage: `fs://${STORAGE}` });
  });
});
