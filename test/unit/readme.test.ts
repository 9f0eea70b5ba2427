import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { pythonLines } from "../../src/command/welcome.ts";

const PAGES = [
  "README.md",
  "ARCHITECTURE.md",
  "CONTRIBUTING.md",
  "python/README.md",
  "docs/cli.md",
  "docs/client.md",
  "docs/flight-client.md",
  "docs/guide.md",
  "docs/operations.md",
  "docs/performance.md",
  "docs/protocol.md",
  "docs/security.md",
];
const readme = readFileSync("README.md", "utf8");

describe("the README", () => {
  it("shows the three lines of Python that the command prints and the tests run", () => {
    expect(readme).toContain(pythonLines({ tls: undefined }, "grpc://127.0.0.1:9090").join("\n"));
  });

  it("names only scripts that there are", () => {
    const { scripts } = JSON.parse(readFileSync("package.json", "utf8")) as {
      scripts: Record<string, string>;
    };
    const named = [...readme.matchAll(/npm (?:run )?(start|test|bench|test:nodes)\b/g)].map(
      (match) => match[1]!,
    );
    expect(named.length).toBeGreaterThan(2);
    expect(Object.keys(scripts)).toEqual(expect.arrayContaining(named));
  });

  it.each(PAGES)("and every page's links lead somewhere: %s", (page) => {
    const links = [...readFileSync(page, "utf8").matchAll(/\]\(([^)#:]+)\)/g)].map((match) => match[1]!);
    expect(links.filter((link) => !existsSync(join(dirname(page), link)))).toEqual([]);
  });
});
