/**
 * Access files for tests: identities whose token is `tokenOf(name)`, with one rule on everything.
 */
import { createHash } from "node:crypto";
import { tokenOf } from "./access-table.ts";

export interface TestIdentity {
  readonly name: string;
  /** The verbs that it may use on everything. */
  readonly allow: readonly string[];
}

export function accessText(identities: readonly TestIdentity[]): string {
  const entries = identities.map(({ name, allow }) => {
    const sha256 = createHash("sha256").update(tokenOf(name)).digest("hex");
    const rules = allow.length === 0 ? "[]" : `[{allow: [${allow.join(", ")}], on: ["*"]}]`;
    return `  - name: ${name}\n    rules: ${rules}\n    tokens: [{id: t-${name}, sha256: "${sha256}"}]\n`;
  });
  return `identities:\n${entries.join("")}`;
}
