import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { resetSync } from "@logtape/logtape";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { CommandContext } from "../../src/command/command-context.ts";
import { runCommandLine } from "../../src/command/run-command-line.ts";
import { IN_MEMORY_NOTICE, pythonLines } from "../../src/command/welcome.ts";
import type { CacheConfig } from "../../src/config/cache-config.ts";
import { CacheError } from "../../src/errors.ts";
import { tlsConfig } from "../support/certificate.ts";

let home: string;
let out: string;
let err: string;
let events: string[];
let started: CacheConfig[];
let stop: (reason: string) => void;
let hangUp: (() => void) | undefined;
let context: CommandContext;

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "flame-cli-"));
  out = "";
  err = "";
  events = [];
  started = [];
  hangUp = undefined;
  const stopped = new Promise<string>((resolve) => {
    stop = resolve;
  });
  context = {
    version: "1.2.3",
    stdin: { async *[Symbol.asyncIterator]() {} },
    stdout: {
      write: (text) => {
        out += text;
        events.push("printed");
      },
    },
    stderr: {
      write: (text) => {
        err += text;
      },
    },
    env: { FLAME_HOME: home },
    copyStores: () => Promise.reject(new Error("no store is copied")),
    startServer: async (config) => {
      started.push(config);
      events.push("started");
      return {
        listening: "grpc://127.0.0.1:4711",
        stop: async () => void events.push("stopped"),
        reload: async () => void events.push("reloaded"),
      };
    },
    onHangup: (listener) => {
      hangUp = listener;
    },
    stopRequested: () => {
      events.push("listening for signals");
      return stopped;
    },
  };
});
afterEach(() => {
  resetSync();
  rmSync(home, { recursive: true });
});

const run = (...args: string[]) => runCommandLine(args, context);

describe("serve", () => {
  it("starts, prints exactly one line, waits for a signal, stops and ends well", async () => {
    const ended = run("serve");
    stop("SIGTERM");
    expect(await ended).toBe("ok");
    expect(out).toBe("listening on grpc://127.0.0.1:4711\n");
    expect(events).toEqual(["listening for signals", "started", "printed", "stopped"]);
    expect(err).toContain("SIGTERM");
  });

  it("reads its files again on SIGHUP, with and without a terminal", async () => {
    const file = join(home, "access.yaml");
    writeFileSync(file, "anonymous: {rules: []}");
    stop("SIGTERM");
    for (const isTTY of [true, false]) {
      const stderr = { ...context.stderr, isTTY };
      expect(await runCommandLine(["serve", "--access-file", file], { ...context, stderr })).toBe("ok");
      hangUp?.();
      expect(events.at(-1)).toBe("reloaded");
    }
  });

  it("without such files ends with its terminal, and survives SIGHUP as a service", async () => {
    stop("SIGTERM");
    const stderr = { ...context.stderr, isTTY: true };
    expect(await runCommandLine(["serve"], { ...context, stderr })).toBe("ok");
    expect(hangUp).toBeUndefined();
    expect(await run("serve")).toBe("ok");
    expect(hangUp).toBeDefined();
  });

  it("is what runs without a command, with all its options", async () => {
    stop("SIGINT");
    const file = join(home, "c.yaml");
    writeFileSync(file, "cache: {eviction: {max_objects: 7}}");
    expect(
      await run(
        "--config",
        file,
        "--endpoint=grpc://h:0",
        "--storage",
        "/s",
        "--network-interface",
        "^e",
        "--log",
        "off",
      ),
    ).toBe("ok");
    expect(started).toEqual([
      {
        endpoint: { scheme: "grpc", host: "h", port: 0 },
        advertise: undefined,
        networkInterface: "^e",
        admin: undefined,
        http: undefined,
        access: { file: undefined, isRequired: false },
        storage: { kind: "files", directory: "/s" },
        capacityBytes: undefined,
        durability: "restart",
        verifyReads: "always",
        validateTables: "structure",
        eviction: { policy: "adaptive", maxMemoryBytes: 1024 ** 3, maxObjects: 7 },
        threads: 1,
        limits: { callsMemoryBytes: 48 * 1024 ** 2, connections: 1024, idleCallMs: 300_000 },
        tls: undefined,
        corsOrigins: [],
        journalBytes: 64 * 1024 ** 2,
      },
    ]);
    expect(err).toBe("");
  });

  it("stores under the working directory when --storage is relative", async () => {
    stop("SIGTERM");
    await run("serve", "--storage", ".flame");
    expect(started[0]?.storage).toEqual({ kind: "files", directory: join(process.cwd(), ".flame") });
  });

  it("logs at the levels of --log over those of RUST_LOG", async () => {
    stop("SIGTERM");
    context = { ...context, env: { FLAME_HOME: home, RUST_LOG: "off" } };
    await run("serve");
    expect(err).toBe("");
    await run("serve", "--log", "flame_cache::command=debug");
    expect(err).toContain('"level":"debug"');
  });

  it("notes at debug that a directive names a span, and starts", async () => {
    stop("SIGTERM");
    expect(await run("--log", "flame_cache::command=debug,[put{key}]=trace")).toBe("ok");
    expect(err).toContain('"directive":"[put{key}]=trace"');
  });

  it("says on a terminal that nothing survives a stop when objects are in memory", async () => {
    stop("SIGTERM");
    const stderr = { ...context.stderr, isTTY: true };
    context = { ...context, stderr };
    await run("--log", "off");
    expect(err).toBe(`${IN_MEMORY_NOTICE}\n`);
    err = "";
    await run("--log", "off", "--storage", "/s");
    expect(err).toBe("");
  });

  it("warns of unknown keys by name in the log", async () => {
    stop("SIGTERM");
    writeFileSync(join(home, "flame-cluster.yaml"), "cache: {endpoit: x}");
    await run("serve");
    expect(JSON.parse(err.split("\n")[0]!)).toMatchObject({
      level: "warn",
      key: "cache.endpoit",
      suggestion: "cache.endpoint",
      source: `${home}/flame-cluster.yaml:1`,
    });
  });
});

describe("--print-config", () => {
  it("prints the configuration with its sources and starts nothing", async () => {
    expect(await run("--print-config", "--storage", "/s", "--log", "warn,h2=off")).toBe("ok");
    expect(out).toContain("  storage: /s # --storage\n");
    expect(out).toContain("  endpoint: grpc://127.0.0.1:9090 # default\n");
    expect(out).toContain("# log directives: warn,h2=off (--log)\n");
    expect(events).not.toContain("started");
  });
});

describe("--welcome", () => {
  it("says on standard error where objects are and gives three lines of Python with the real endpoint", async () => {
    stop("SIGTERM");
    await run("--welcome", "--storage", "/data/cache", "--log", "off");
    expect(out).toBe("listening on grpc://127.0.0.1:4711\n");
    expect(err).toContain("Objects are kept in /data/cache\n");
    expect(err).toContain(`\n\n${pythonLines({ tls: undefined }, "grpc://127.0.0.1:4711").join("\n")}\n`);
    expect(pythonLines({ tls: undefined }, "grpc://127.0.0.1:4711")).toHaveLength(3);
  });

  it("says that objects are in memory when they are, and trusts the certificate when there is one", async () => {
    stop("SIGTERM");
    await run("--welcome", "--log", "off");
    expect(err).toContain("Objects are kept in memory");
    const tls = tlsConfig("/c e.pem", "/k.pem");
    expect(pythonLines({ tls }, "grpc+tls://h:1")[0]).toContain(
      'fl.connect("grpc+tls://h:1", tls_root_certs=open("/c e.pem", "rb").read())',
    );
  });
});

describe("the command line", () => {
  it.each([["--unknown"], ["serve", "--endpoint"], ["serve", "extra"], ["unknown"], ["inspect"]])(
    "refuses bad usage: %s %s",
    async (...args) => {
      expect(await run(...args.filter((arg) => arg !== undefined))).toBe("usage");
      expect(err).toMatch(/^error: /);
      expect(out).toBe("");
    },
  );

  it("suggests the option that was meant", async () => {
    expect(await run("--storge", "x")).toBe("usage");
    expect(err).toContain("Did you mean --storage?");
  });

  it("prints its version", async () => {
    expect(await run("--version")).toBe("ok");
    expect(out).toBe("1.2.3\n");
  });

  it("prints help with every command, every option of serve and the exit codes", async () => {
    expect(await run("--help")).toBe("ok");
    for (const word of ["serve", "inspect", "verify", "--config", "--network-interface", "--welcome", "78"]) {
      expect(out).toContain(word);
    }
  });

  it.each([
    ["--endpoint", "http://x"],
    ["--log", "h2=loud"],
    ["--config", "/nowhere.yaml"],
  ])("refuses a wrong value in one line that names it: %s %s", async (flag, value) => {
    expect(await run(flag, value)).toBe("config");
    expect(err).toMatch(/^flame-object-cache: \[INVALID_CONFIG\] [^\n]*\n$/);
    expect(err).toContain(flag);
    expect(err).toContain(value);
    expect(events).toEqual([]);
  });

  it.each([
    [
      new CacheError("INVALID_CONFIG", "cache.storage is in use"),
      "config",
      /^flame-object-cache: \[INVALID_CONFIG\] .*\n$/,
    ],
    [
      new CacheError("STORAGE_IO", "disk\nrefused"),
      "unavailable",
      /^flame-object-cache: \[STORAGE_IO\] disk\\u000arefused\n$/,
    ],
    [
      Object.assign(new Error("listen EADDRINUSE"), { syscall: "listen" }),
      "unavailable",
      /^[^\n]*EADDRINUSE\n$/,
    ],
    [new TypeError("a mistake"), "internal", /TypeError: a mistake\n {4}at /],
    ["thrown text", "internal", /thrown text/],
  ])("tells apart how a start can fail: %s", async (error, outcome, text) => {
    context = { ...context, startServer: () => Promise.reject(error) };
    expect(await run("serve", "--log", "off")).toBe(outcome);
    expect(err).toMatch(text);
    expect(out).toBe("");
  });
});
