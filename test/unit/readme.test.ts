import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { pythonLines } from "../../src/command/welcome.ts";

const PAGES = [
  "README.md",
  "ARCHITECTURE.md",
  "CONTRIBUTING.md",
  "python/README.md",
  "CHANGELOG.md",
  "docs/access.md",
  "docs/cli.md",
  "docs/client.md",
  "docs/configuration.md",
  "docs/dashboard.md",
  "docs/deployment.md",
  "docs/errors.md",
  "docs/eviction.md",
  "docs/flight-client.md",
  "docs/guide.md",
  "docs/http-api.md",
  "docs/journal.md",
  "docs/limits.md",
  "docs/metrics.md",
  "docs/migration.md",
  "docs/operations.md",
  "docs/performance.md",
  "docs/protocol.md",
  "docs/python-api.md",
  "docs/secure-setup.md",
  "docs/security.md",
  "docs/storage-format.md",
  "docs/tls.md",
  "docs/troubleshooting.md",
  "docs/typescript-api.md",
];
const readme = readFileSync("README.md", "utf8");

/** The anchors that GitHub gives to a page's headings. */
function anchorsOf(text: string): string[] {
  return [...text.matchAll(/^#+ (.*)$/gm)].map(([, title]) =>
    title!
      .toLowerCase()
      .replaceAll(/[^\w\s-]/g, "")
      .replaceAll(" ", "-"),
  );
}

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

  it.each(PAGES)("and every page's links to a section name one that there is: %s", (page) => {
    const links = [...readFileSync(page, "utf8").matchAll(/\]\(([^)#:]*)#([^)]+)\)/g)];
    const lost = links.filter(([, path, anchor]) => {
      const target = path === "" ? page : join(dirname(page), path!);
      return !anchorsOf(readFileSync(target, "utf8")).includes(anchor!);
    });
    expect(lost.map(([link]) => link)).toEqual([]);
  });

  it("and every test that the page about security names exists", () => {
    const named = [
      ...readFileSync("docs/security.md", "utf8").matchAll(/`([\w/.-]+(?:\.test\.ts|\.py))`/g),
    ].map(([, path]) => path!);
    const tests = readdirSync("test", { recursive: true, encoding: "utf8" }).map((path) => `/test/${path}`);
    expect(named.length).toBeGreaterThan(20);
    expect(named.filter((path) => !tests.some((test) => test.endsWith(`/${path}`)))).toEqual([]);
  });

  it.each(["ARCHITECTURE.md", "CONTRIBUTING.md"])("and every file that a recipe names exists: %s", (page) => {
    const named = [...readFileSync(page, "utf8").matchAll(/`(\w[\w-]*\/[\w./-]*)`/g)].map(
      ([, path]) => path!,
    );
    expect(named.length).toBeGreaterThan(3);
    expect(named.filter((path) => !existsSync(path) && !existsSync(join("src", path)))).toEqual([]);
  });
});
