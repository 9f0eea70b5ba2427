import { describe, expect, it } from "vitest";
import {
  formatLogDirectives,
  loadLogDirectives,
  parseLogDirectives,
} from "../../../src/config/log-directives.ts";

describe("log directives", () => {
  it("are a list of LEVEL and target=LEVEL", () => {
    expect(parseLogDirectives("warn,flame_cache::storage=debug,h2=off", "RUST_LOG")).toEqual([
      { target: undefined, level: "warn" },
      { target: "flame_cache::storage", level: "debug" },
      { target: "h2", level: "off" },
    ]);
  });

  it.each(["DEBUG", "Debug", " debug ", ",debug,,"])("take the level from %j", (text) => {
    expect(parseLogDirectives(text, "RUST_LOG")).toEqual([{ target: undefined, level: "debug" }]);
  });

  it.each(["h2", "hyper_util", "tower", "sqlx", "tower-http", "hyper_util::client"])(
    "accept the library %s",
    (target) => {
      expect(parseLogDirectives(`${target}=warn`, "RUST_LOG")).toEqual([{ target, level: "warn" }]);
    },
  );

  it.each([
    "verbose",
    "flame_cache",
    "flame_cache=",
    "=debug",
    "flame_cache=loud",
    "a=b=debug",
    "flame cache=info",
    "a::=info",
  ])("are refused by name when one is malformed: %s", (text) => {
    expect(() => parseLogDirectives(`info,${text}`, "RUST_LOG")).toThrow(
      `[INVALID_CONFIG] RUST_LOG must be a list of LEVEL or target=LEVEL, LEVEL one of off, error, warn, info, debug, trace: got "${text}" (RUST_LOG)`,
    );
  });

  it("come from the flag, then RUST_LOG, then nowhere", () => {
    const env = { RUST_LOG: "debug" };
    expect(loadLogDirectives({ flag: "trace", env })).toEqual({
      directives: [{ target: undefined, level: "trace" }],
      source: "--log",
    });
    expect(loadLogDirectives({ env }).source).toBe("RUST_LOG");
    expect(loadLogDirectives({ env: { RUST_LOG: " " } })).toEqual({ directives: [], source: "default" });
  });

  it("are written as they are read", () => {
    expect(formatLogDirectives(parseLogDirectives("warn, flame_cache=debug", "RUST_LOG"))).toBe(
      "warn,flame_cache=debug",
    );
    expect(formatLogDirectives([])).toBe("info");
  });
});
