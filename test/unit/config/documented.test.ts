import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { EXIT_CODES } from "../../../src/command/exit-codes.ts";
import { readCacheSection } from "../../../src/config/cache-section.ts";
import { SETTINGS, type Setting } from "../../../src/config/settings.ts";
import { parseYamlText } from "../../../src/config/yaml-file.ts";
import { LIMITS } from "../../../src/limits.ts";

const DOCUMENT = readFileSync(new URL("../../../docs/configuration.md", import.meta.url), "utf8");

/** Without the padding that the formatter puts into tables. */
function unpadded(text: string): string {
  return text.replaceAll(/-{3,}/g, "---").replaceAll(/ *\| */g, "|");
}

function table(header: string, rows: readonly string[]): string {
  const rule = `|${"---|".repeat(header.split("|").length - 2)}`;
  return unpadded(`\n\n${[header, rule, ...rows].join("\n")}\n\n`);
}

const cell = (text: string | undefined) => (text === undefined ? "" : `\`${text}\``);

describe("docs/configuration.md", () => {
  it("has a row for each setting, and no other", () => {
    const rows = Object.values<Setting<unknown>>(SETTINGS).map(
      ({ key, variable, flag, defaultText }) =>
        `|${cell(key)}|${cell(variable)}|${cell(flag?.text)}|${cell(defaultText)}|`,
    );
    expect(unpadded(DOCUMENT)).toContain(table("| key under `cache` | variable | flag | default |", rows));
  });

  it("explains each setting by name", () => {
    for (const { key } of Object.values(SETTINGS)) expect(DOCUMENT).toContain(`**${key}**`);
  });

  it("has a row for each exit code, and no other", () => {
    const rows = Object.values(EXIT_CODES).map(({ code, meaning }) => `| ${code} | ${meaning} |`);
    expect(unpadded(DOCUMENT)).toContain(table("| exit code | meaning |", rows));
  });

  it("has a sample file without unknown keys", () => {
    const sample = /## The file\n\n((?: {4}.*\n)+)/.exec(DOCUMENT)?.[1] ?? "";
    const section = readCacheSection(parseYamlText("sample", sample.replaceAll(/^ {4}/gm, "")));
    expect(section.warnings).toEqual([]);
    expect(section.values.size).toBe(7);
  });

  it("has a row for each credential, with the variables and keys that both clients read", () => {
    const start = DOCUMENT.indexOf("\n", DOCUMENT.indexOf("| | TypeScript | Python |"));
    const rows = DOCUMENT.slice(start, DOCUMENT.indexOf("\n\n", start));
    const variables = [...rows.matchAll(/`(FLAME_CACHE_\w+)`/g)].map(([, name]) => name!);
    const keys = [...rows.matchAll(/`([\w.]+)` \|$/gm)].map(([, name]) => name!.split(".").at(-1)!);
    const read = (path: string) => readFileSync(new URL(`../../../${path}`, import.meta.url), "utf8");
    const [typescript, python] = [
      read("src/config/client-config.ts"),
      read("python/flame_object_cache/config.py"),
    ];
    const credentials = /"(FLAME_CACHE_(?:TOKEN|CLIENT)\w*)"/g;
    for (const source of [typescript, python]) {
      expect([...source.matchAll(credentials)].map(([, name]) => name).sort()).toEqual(variables.toSorted());
      expect(keys.filter((key) => !source.includes(`"${key}"`))).toEqual([]);
    }
    expect(keys).toHaveLength(4);
  });

  it("tells how soon a second SIGINT counts", () => {
    expect(DOCUMENT).toContain(`within ${LIMITS.repeatedInterruptMs / 1000} s`);
  });
});
