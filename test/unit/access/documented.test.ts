import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { ACCESS_VERBS } from "../../../src/access/access-policy.ts";
import { ACCESS_GRAMMAR } from "../../../src/access/access-table.ts";
import { parseAccessText } from "../../../src/config/access-file.ts";
import { ACCESS_KEYS } from "../../../src/config/access-schema.ts";

const DOCUMENT = readFileSync(new URL("../../../docs/access.md", import.meta.url), "utf8");
const SAMPLE = /```yaml\n([\s\S]*?)```/.exec(DOCUMENT)?.[1] ?? "";

describe("docs/access.md", () => {
  it("has a sample file that the server reads without a warning", () => {
    const file = parseAccessText("sample", SAMPLE, ACCESS_GRAMMAR);
    expect(file.warnings).toEqual([]);
    expect(file.identities.map(({ name }) => name)).toEqual(["worker-7", "operator"]);
    expect(file.identities[0]).toMatchObject({ tokens: [{ id: "t3f9a1c2e" }], certificates: { length: 3 } });
  });

  it("has a sample of quotas that the server reads without a warning", () => {
    const sample = /## Quotas[\s\S]*?```yaml\n([\s\S]*?)```/.exec(DOCUMENT)![1]!;
    const file = parseAccessText("quotas", sample, ACCESS_GRAMMAR);
    expect(file.warnings).toEqual([]);
    expect([...file.applicationQuotas.keys()]).toEqual(["app", "*"]);
    const limits = file.identities[0]!.quota!;
    expect(Object.values(limits).every((limit) => limit !== undefined)).toBe(true);
    for (const key of ACCESS_KEYS.quota) expect(DOCUMENT).toMatch(new RegExp(`^\\| \`${key}\` \\| `, "m"));
  });

  it("explains each verb and each key of an identity", () => {
    for (const verb of ACCESS_VERBS) expect(DOCUMENT).toMatch(new RegExp(`^\\| \`${verb}\` \\| \\w`, "m"));
    for (const key of ACCESS_KEYS.identity) {
      expect(DOCUMENT).toMatch(new RegExp(`^\\| \`${key}\` \\| \\w`, "m"));
    }
  });
});
