import { describe, expect, it } from "vitest";
import {
  formatLogDirectives,
  loadLogDirectives,
  parseLogDirectives,
} from "../../../src/config/log-directives.ts";

const parse = (text: string) => parseLogDirectives(text, "RUST_LOG").directives;

describe("log directives", () => {
  it("are a list of LEVEL and target=LEVEL", () => {
    expect(parse("warn,flame_cache::storage=debug,h2=off")).toEqual([
      { target: undefined, level: "warn" },
      { target: "flame_cache::storage", level: "debug" },
      { target: "h2", level: "off" },
    ]);
  });

  it.each(["DEBUG", "Debug", " debug ", ",debug,,"])("take the level from %j", (text) => {
    expect(parse(text)).toEqual([{ target: undefined, level: "debug" }]);
  });

  it.each(["h2", "hyper_util", "tower", "sqlx", "tower-http", "hyper_util::client"])(
    "accept the library %s",
    (target) => {
      expect(parse(`${target}=warn`)).toEqual([{ target, level: "warn" }]);
    },
  );

  it.each([
    ["0", undefined, "off"],
    ["3", undefined, "info"],
    ["flame_cache=5", "flame_cache", "trace"],
    ["flame_cache", "flame_cache", "trace"],
    ["flame_cache=", "flame_cache", "trace"],
    ["flame-cache::a:b", "flame-cache::a:b", "trace"],
    ["my target=info", "my target", "info"],
  ])("take every form of a level and a target: %s", (text, target, level) => {
    expect(parse(text)).toEqual([{ target, level }]);
  });

  it.each([
    "[span]",
    "[span]=debug",
    "[span]=",
    "[{key}]=trace",
    '[span{key="a",size=1}]=debug',
    "flame_cache[span]",
    "flame_cache[span{key}]=4",
  ])("of a span are accepted and reach nothing: %s", (text) => {
    expect(parseLogDirectives(`info,${text},h2=off`, "RUST_LOG")).toEqual({
      directives: [
        { target: undefined, level: "info" },
        { target: "h2", level: "off" },
      ],
      ignored: [text],
    });
  });

  it.each(["=debug", "flame_cache=loud", "a=b=debug", "flame_cache=6", "[span=debug", "[span]x=debug"])(
    "are refused by name when one is malformed: %s",
    (text) => {
      expect(() => parseLogDirectives(`info,${text}`, "RUST_LOG")).toThrow(
        `[INVALID_CONFIG] RUST_LOG must be a list of LEVEL or target=LEVEL, LEVEL one of off, error, warn, info, debug, trace: got "${text}" (RUST_LOG)`,
      );
    },
  );

  it("come from the flag, then RUST_LOG, then nowhere", () => {
    const env = { RUST_LOG: "debug" };
    expect(loadLogDirectives({ flag: "trace", env })).toEqual({
      directives: [{ target: undefined, level: "trace" }],
      ignored: [],
      source: "--log",
    });
    expect(loadLogDirectives({ env }).source).toBe("RUST_LOG");
    expect(loadLogDirectives({ env: { RUST_LOG: " " } })).toEqual({
      directives: [],
      ignored: [],
      source: "default",
    });
  });

  it("are written as they are read", () => {
    expect(formatLogDirectives(parse("warn, flame_cache=debug"))).toBe("warn,flame_cache=debug");
    expect(formatLogDirectives([])).toBe("info");
  });
});
