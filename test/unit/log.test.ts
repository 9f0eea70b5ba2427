import { PassThrough } from "node:stream";
import { configureSync, resetSync } from "@logtape/logtape";
import { afterEach, describe, expect, it } from "vitest";
import { parseLogDirectives } from "../../src/config/log-directives.ts";
import { CacheError } from "../../src/errors.ts";
import { LIMITS } from "../../src/limits.ts";
import { type LogLevel, type LogOptions, logFor, startLog } from "../../src/log.ts";

class Lines {
  readonly isTTY: boolean;
  text = "";
  constructor(isTTY = false) {
    this.isTTY = isTTY;
  }
  write(line: string): void {
    this.text += line;
  }
  get all(): string[] {
    return this.text.split("\n").slice(0, -1);
  }
  get records(): Record<string, unknown>[] {
    return this.all.map((line) => JSON.parse(line) as Record<string, unknown>);
  }
}

function start(
  directives = "",
  options: Partial<Omit<LogOptions, "stream">> = {},
  stream = new Lines(),
): Lines {
  startLog({
    directives: parseLogDirectives(directives, "test").directives,
    format: "json",
    stream,
    ...options,
  });
  return stream;
}

afterEach(() => {
  resetSync();
});

const LEVELS: readonly LogLevel[] = ["error", "warn", "info", "debug", "trace"];

/** The most talkative level that is on for a module. */
function thresholdOf(module: string): string {
  return LEVELS.filter((level) => logFor(module).isEnabled(level)).at(-1) ?? "off";
}

describe("the level of a module", () => {
  it.each([
    ["", "storage", "info"],
    ["debug", "storage", "debug"],
    ["off", "storage", "off"],
    ["warn,flame_cache=debug", "storage", "debug"],
    ["flame_cache::storage=trace", "storage", "trace"],
    ["flame_cache::storage=trace", "cache", "info"],
    ["flame_cache::storage=trace,flame_cache=warn", "storage", "trace"],
    ["flame_cache::storage=trace,flame_cache=warn", "storage::sweep", "trace"],
    ["flame_cache::storage=off", "storage::sweep", "off"],
    ["flame_cache::storage::sweep=debug", "storage", "info"],
    ["flame_cache=warn,flame_cache=debug", "storage", "debug"],
    ["debug,error", "storage", "error"],
    ["flame=debug,flame_cache=warn", "storage", "warn"],
    ["flame_cache=warn,flame=debug", "storage", "warn"],
    ["flame=debug", "storage", "debug"],
    ["h2=trace", "grpc", "trace"],
    ["h2=trace", "storage", "info"],
    ["flame_cache=debug,h2=warn", "grpc", "warn"],
    ["flame_cache::grpc=error,h2=trace", "grpc", "error"],
    ["h2=trace,flame_cache::grpc=error", "grpc", "error"],
    ["hyper_util=trace,tower=off,sqlx=off", "grpc", "info"],
    ["flame_cache", "storage", "trace"],
    ["flame_cache=", "storage", "trace"],
    ["4", "storage", "debug"],
    ["flame_cache::storage=0", "storage", "off"],
    ["info,[put{key=1,app=2}]=debug", "storage", "info"],
    ["warn,flame_cache[put]=trace", "storage", "warn"],
    ["some_crate", "storage", "info"],
  ])("with %j is, for %s, %s", (directives, module, threshold) => {
    start(directives);
    expect(thresholdOf(module)).toBe(threshold);
  });

  it("decides what is written, also for logs made before the start", () => {
    const log = logFor("early");
    const lines = start("flame_cache::early=warn");
    for (const level of LEVELS) log[level]("said");
    expect(lines.records.map(({ level }) => level)).toEqual(["error", "warn"]);
  });

  it("can be changed by starting anew", () => {
    const first = start("info");
    const second = start("debug");
    logFor("storage").debug("said");
    expect(first.all).toHaveLength(0);
    expect(second.all).toHaveLength(1);
  });

  it("is off until a log is started, by us or by a host that embeds the cache", () => {
    expect(thresholdOf("storage")).toBe("off");
    const seen: string[] = [];
    configureSync({
      sinks: { host: (record) => seen.push(record.category.join("::")) },
      loggers: [
        { category: "flame_cache", sinks: ["host"], lowestLevel: "info" },
        { category: ["logtape", "meta"], lowestLevel: "error" },
      ],
    });
    logFor("storage").info("said");
    expect(seen).toEqual(["flame_cache::storage"]);
  });
});

describe("a JSON line", () => {
  it("has time, level, target, text and the fields", () => {
    const lines = start();
    logFor("storage").warn("file quarantined", {
      key: "a/s/o",
      sizeBytes: 12,
      isNew: true,
      reason: undefined,
    });
    expect(lines.records).toEqual([
      {
        time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
        level: "warn",
        target: "flame_cache::storage",
        text: "file quarantined",
        key: "a/s/o",
        sizeBytes: 12,
        isNew: true,
      },
    ]);
    expect(Object.keys(lines.records[0]!).slice(0, 4)).toEqual(["time", "level", "target", "text"]);
  });

  it("keeps its own fields when others have the same names", () => {
    const lines = start();
    logFor("storage").info("said", { level: "fake", text: "fake", target: 1, time: 2 });
    expect(lines.records[0]).toMatchObject({
      level: "info",
      text: "said",
      field_level: "fake",
      field_time: 2,
    });
  });

  it("never fills values into the text", () => {
    const lines = start();
    logFor("storage").info("said {key}", { key: "x" });
    expect(lines.records[0]).toMatchObject({ text: "said {key}", key: "x" });
  });

  it("has errors with code, facts, cause and stack", () => {
    const lines = start();
    const cause = Object.assign(new Error("no space"), { code: "ENOSPC", syscall: "write" });
    logFor("storage").error("put failed", {
      error: new CacheError("STORAGE_FULL", "full", { facts: { key: "a/s/o" }, cause }),
    });
    expect(lines.records[0]?.error).toMatchObject({
      name: "CacheError",
      message: "[STORAGE_FULL] full",
      code: "STORAGE_FULL",
      facts: { key: "a/s/o" },
      cause: {
        name: "Error",
        message: "no space",
        code: "ENOSPC",
        syscall: "write",
        stack: expect.any(String),
      },
      stack: expect.stringContaining("log.test.ts"),
    });
  });

  it.each([
    [2n ** 63n, "9223372036854775808"],
    [Number.NaN, "NaN"],
    [Number.NEGATIVE_INFINITY, "-Infinity"],
    [Buffer.alloc(5), "[5 bytes]"],
    [new ArrayBuffer(3), "[3 bytes]"],
    [new Date(0), "1970-01-01T00:00:00.000Z"],
    [new Date(Number.NaN), "[invalid date]"],
    [new Map([["a", 1n]]), { a: "1" }],
    [new Set([1, 2]), [1, 2]],
    [Symbol("x"), "Symbol(x)"],
    [null, null],
    [{ a: { b: [1, "x", undefined] } }, { a: { b: [1, "x", "undefined"] } }],
    ["x".repeat(LIMITS.logValueLengthMax + 7), `${"x".repeat(LIMITS.logValueLengthMax)}[7 more]`],
    [Array(LIMITS.logValueItemsMax + 2).fill(0), [...Array(LIMITS.logValueItemsMax).fill(0), "[2 more]"]],
  ])("has %s as plain data", (value, plain) => {
    const lines = start();
    logFor("storage").info("said", { value });
    expect(lines.records[0]?.value).toEqual(plain);
  });

  it("survives a value that contains itself", () => {
    const lines = start();
    const value: Record<string, unknown> = {};
    value.self = value;
    logFor("storage").info("said", { value });
    expect(lines.text).toContain("[too deep]");
  });
});

describe("a text line", () => {
  it("has time, level, target, text and key=value fields", () => {
    const lines = start("", { format: "text" });
    logFor("storage").info("object stored", {
      key: "a/s/o",
      reason: "two words",
      n: 1,
      list: [1, 2],
      empty: "",
    });
    expect(lines.all[0]).toMatch(
      /^\S+Z {2}INFO flame_cache::storage object stored key=a\/s\/o reason="two words" n=1 list=\[1,2\] empty=""$/,
    );
  });

  it("has nested fields one by one", () => {
    const lines = start("", { format: "text" });
    logFor("storage").info("said", { error: new CacheError("STORAGE_IO"), at: { "odd name": 1 } });
    expect(lines.all).toHaveLength(1);
    expect(lines.text).toMatch(
      /error\.message="\[STORAGE_IO\] .*" error\.code=STORAGE_IO error\.stack=".*" "at\.odd name"=1\n$/,
    );
  });

  it.each([
    ["text", false, /said k=v/],
    ["auto", true, /said/],
    ["auto", false, /"text":"said"/],
    ["json", true, /"text":"said"/],
  ] as const)("is chosen by format %s on a terminal: %s", (format, isTTY, pattern) => {
    const lines = start("", { format }, new Lines(isTTY));
    logFor("storage").info("said", { k: "v" });
    expect(lines.text).toMatch(pattern);
  });

  it("is coloured on a terminal that has colours and nowhere else", () => {
    const colourful = start("", { format: "text" }, new Lines(true));
    logFor("storage").error("said");
    const sober = start("", { format: "text" }, Object.assign(new Lines(true), { hasColors: () => false }));
    logFor("storage").error("said");
    const piped = start("", { format: "text" });
    logFor("storage").error("said");
    expect(colourful.text).toContain("\u001b[31mERROR\u001b[0m");
    expect(sober.text + piped.text).not.toContain("\u001b");
  });
});

describe("a line of either format", () => {
  // One of each kind: line ends, controls of both sets, separators, direction marks, a lone surrogate.
  const HOSTILE = "a\nb\r\u001b[2J\u0000\u007f\u009b1m\u2028\u2029\u202e\u2066\ud800 c";

  it.each(["json", "text"] as const)(
    "cannot be broken or steered by values, names or texts: %s",
    (format) => {
      const lines = start("", { format });
      logFor("storage").info(HOSTILE, { [HOSTILE]: HOSTILE, list: [HOSTILE], error: new Error(HOSTILE) });
      expect(lines.all).toHaveLength(1);
      expect(lines.all[0]).not.toMatch(/[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]/u);
    },
  );

  it("gives the value back exactly when it is JSON", () => {
    const lines = start();
    logFor("storage").info("said", { value: HOSTILE });
    expect(lines.records[0]?.value).toBe(HOSTILE);
  });

  it("does not stop anything when nobody reads it any more, however often it was started", () => {
    const stream = new PassThrough();
    startLog({ directives: [], format: "json", stream });
    startLog({ directives: [], format: "json", stream });
    expect(() => stream.emit("error", new Error("EPIPE"))).not.toThrow();
    expect(stream.listenerCount("error")).toBe(1);
  });
});
