/**
 * Watchers of the log: their level, their bounded buffers, and how many there may be.
 */
import { configureSync, resetSync } from "@logtape/logtape";
import { afterEach, describe, expect, it, onTestFinished } from "vitest";
import { LIMITS } from "../../../src/limits.ts";
import { type LogLevel, logFor, startLog } from "../../../src/log.ts";
import { LogWatch, parseLogLevel } from "../../../src/service/admin/log-watch.ts";
import { refused } from "../cache/cache-fixture.ts";
import { watchedLog } from "../storage/scratch-directory.ts";

const log = logFor("test");

afterEach(resetSync);

function watch(level: LogLevel): LogWatch {
  const opened = new LogWatch(level);
  onTestFinished(() => opened.close());
  return opened;
}

async function nextBatch(opened: LogWatch): Promise<Record<string, unknown>[]> {
  const batches = opened.batches(new AbortController().signal);
  const { value } = await batches.next();
  return (value as readonly string[]).map((line) => JSON.parse(line) as Record<string, unknown>);
}

describe("a watcher of the log", () => {
  it("gets lines of its level and above, and the log writes what it wrote before", async () => {
    const written = watchedLog();
    const opened = watch("debug");
    expect(log.isEnabled("debug")).toBe(true);
    expect(log.isEnabled("trace")).toBe(false);
    log.debug("detail");
    log.info("fact", { key: "a/s/x" });
    expect((await nextBatch(opened)).map(({ level, text, key }) => [level, text, key])).toEqual([
      ["debug", "detail", undefined],
      ["info", "fact", "a/s/x"],
    ]);
    expect(written().map(({ text }) => text)).toEqual(["fact"]);
  });

  it("costs nothing when it is gone: its level is off again", () => {
    watchedLog();
    const opened = watch("trace");
    expect(log.isEnabled("trace")).toBe(true);
    opened.close();
    opened.close();
    expect(log.isEnabled("debug")).toBe(false);
    expect(log.isEnabled("info")).toBe(true);
  });

  it("gets what the log itself drops", async () => {
    startLog({
      directives: [{ target: undefined, level: "off" }],
      format: "json",
      stream: { write: () => {} },
    });
    const opened = watch("warn");
    log.warn("dropped elsewhere");
    expect(await nextBatch(opened)).toMatchObject([{ text: "dropped elsewhere" }]);
  });

  it("loses lines that it does not read in time, and gets their number", async () => {
    watchedLog();
    const opened = watch("info");
    for (let count = 0; count < LIMITS.watchedLinesMax + 25; count += 1) log.info("line");
    const lines = await nextBatch(opened);
    expect(lines).toHaveLength(LIMITS.watchedLinesMax + 1);
    expect(lines.at(-1)).toMatchObject({ level: "warn", lost: 25 });
    log.info("later");
    expect(await nextBatch(opened)).toMatchObject([{ text: "later" }]);
  });

  it("holds few characters, however long the lines are", async () => {
    watchedLog();
    const opened = watch("info");
    for (let count = 0; count < 500; count += 1) log.info("x".repeat(10_000));
    const characters = (await nextBatch(opened)).reduce((sum, line) => sum + JSON.stringify(line).length, 0);
    expect(characters).toBeLessThan(LIMITS.watchedLengthMax + 20_000);
  });

  it("is refused if there are too many, until one of them is gone", () => {
    watchedLog();
    const opened = Array.from({ length: LIMITS.logWatchersMax }, () => watch("info"));
    expect(() => watch("info")).toThrow(refused("OVERLOADED") as Error);
    opened[0]!.close();
    expect(() => watch("info")).not.toThrow();
  });

  it("ends when its signal is aborted", async () => {
    watchedLog();
    const stop = new AbortController();
    const batches = watch("info").batches(stop.signal);
    const next = batches.next();
    stop.abort();
    expect(await next).toEqual({ done: true, value: undefined });
  });
});

describe("a level of the log", () => {
  it("is read in any case, and anything else is INVALID_REQUEST", () => {
    expect(parseLogLevel("WARN")).toBe("warn");
    expect(() => parseLogLevel("loud")).toThrow(refused("INVALID_REQUEST") as Error);
  });
});

describe("a log that the host of the cache configures", () => {
  it("is not changed: a watcher is NOT_IMPLEMENTED", () => {
    watchedLog();
    resetSync();
    configureSync({ sinks: {}, loggers: [{ category: ["logtape", "meta"], sinks: [] }] });
    expect(() => new LogWatch("info")).toThrow(refused("NOT_IMPLEMENTED") as Error);
    expect(log.isEnabled("info")).toBe(false);
  });
});
