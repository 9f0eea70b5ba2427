import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { parseYamlText, readYamlFile } from "../../../src/config/yaml-file.ts";
import { LIMITS } from "../../../src/limits.ts";

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "flame-yaml-"));
});
afterEach(() => {
  rmSync(directory, { recursive: true });
});

describe("a YAML file", () => {
  it("tells the line of each value, in maps, lists and behind aliases", () => {
    const file = parseYamlText("f.yaml", "a: &x\n  b: 1\n  c:\n    - 2\n    - d: 3\ne: *x\n");
    expect(file.value).toEqual({ a: { b: 1, c: [2, { d: 3 }] }, e: { b: 1, c: [2, { d: 3 }] } });
    expect(file.placeOf(["a", "b"])).toBe("f.yaml:2");
    expect(file.placeOf(["a", "c", 1, "d"])).toBe("f.yaml:5");
    expect(file.placeOf(["e"])).toBe("f.yaml:6");
    expect(file.placeOf(["e", "b"])).toBe("f.yaml:2");
  });

  it("tells the line of the nearest part of a path that does not exist", () => {
    const file = parseYamlText("f.yaml", "\na:\n  b: 1\n");
    expect(file.placeOf(["a", "x", "y"])).toBe("f.yaml:2");
    expect(file.placeOf(["a", "b", "c"])).toBe("f.yaml:3");
  });

  it("is null when it is empty", () => {
    expect(parseYamlText("f.yaml", "# nothing\n").value).toBeNull();
  });

  it.each([
    ["a: 1\nb: [", /f\.yaml:2 is not valid YAML/],
    ["a: 1\na: 2\n", /f\.yaml:2 is not valid YAML: Map keys must be unique/],
    ["a: 1\n---\nb: 2\n", /f\.yaml:\d is not valid YAML/],
    ["a: *nowhere\n", /f\.yaml:1 is not valid YAML|f\.yaml is not valid YAML/],
  ])("is refused with its line when it is malformed: %j", (text, message) => {
    expect(() => parseYamlText("f.yaml", text)).toThrow(message);
  });

  it("is refused when its aliases multiply beyond measure", () => {
    const levels = Array.from(
      { length: 12 },
      (_, level) => `l${level + 1}: &l${level + 1} [${`*l${level}, `.repeat(9)}]`,
    );
    const text = `l0: &l0 [1]\n${levels.join("\n")}\n`;
    expect(() => parseYamlText("bomb.yaml", text)).toThrow(/INVALID_CONFIG.*bomb\.yaml is not valid YAML/);
  });

  it("is undefined when it does not exist", () => {
    expect(readYamlFile(join(directory, "missing.yaml"))).toBeUndefined();
  });

  it("is refused when it is a directory", () => {
    expect(() => readYamlFile(directory)).toThrow(
      /INVALID_CONFIG.*cannot be read: it is a directory \(EISDIR\)/,
    );
  });

  it("is refused when it is a device without an end, or a pipe that nobody writes", () => {
    const pipe = join(directory, "pipe.yaml");
    execFileSync("mkfifo", [pipe]);
    for (const path of ["/dev/zero", pipe])
      expect(() => readYamlFile(path)).toThrow(/INVALID_CONFIG.*is not a file/);
  });

  it("is refused with the line of a repeated key, also behind very many keys", () => {
    const keys = Array.from({ length: 20_000 }, (_, index) => `k${index}: 1`);
    const text = [...keys, "k7: 2"].join("\n");
    expect(() => parseYamlText("f.yaml", text)).toThrow(
      "f.yaml:20001 is not valid YAML: Map keys must be unique",
    );
  });

  it("is refused when it is larger than the limit", () => {
    const path = join(directory, "large.yaml");
    writeFileSync(path, `# ${"x".repeat(LIMITS.configFileBytesMax)}`);
    expect(() => readYamlFile(path)).toThrow(/INVALID_CONFIG.*larger than/);
  });
});
