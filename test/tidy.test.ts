/**
 * Holds the code to the house rules. Each rule runs over the repository, and over a sample that breaks it.
 *
 * The rules are in test/support/tidy/.
 */
import { describe, expect, it } from "vitest";
import { blanked } from "./support/tidy/blanked.ts";
import { DOC_TABLES } from "./support/tidy/doc-tables.ts";
import { DOCUMENT_RULES } from "./support/tidy/document-rules.ts";
import { IMPORT_RULES, importsOf } from "./support/tidy/import-rules.ts";
import { REPOSITORY_RULES } from "./support/tidy/repository-rules.ts";
import { readTree, type SourceFile } from "./support/tidy/source-tree.ts";
import { TEXT_RULES } from "./support/tidy/text-rules.ts";

const RULES = [...IMPORT_RULES, ...TEXT_RULES, ...REPOSITORY_RULES, ...DOCUMENT_RULES];
const FILES = readTree(process.cwd());

/** Files made of path, text, path, text. */
function sample(...parts: string[]): SourceFile[] {
  return parts.flatMap((path, i) => (i % 2 === 0 ? [{ path, text: parts[i + 1] ?? "" }] : []));
}

const long = (lines: number): string => "call();\n".repeat(lines);
const SETTINGS = JSON.stringify({ dependencies: { "left-pad": "1" } });

/** For each rule, by its title: samples that break it once each, or more often where the number says so. */
const BROKEN: Record<string, SourceFile[][]> = {
  "each room imports only the rooms it stands on": [
    sample("src/cache/put.ts", 'import { x } from "../service/x.ts";'),
    sample("src/arrow/footer.ts", 'import type { X } from "../object/x.ts";'),
    sample("src/client/get.ts", 'export { x } from "../cache/x.ts";'),
    sample("src/errors.ts", 'import { x } from "./log.ts";'),
    sample("src/grpc/call.ts", 'const x = await import("../flight/x.ts");'),
    sample("src/storage/x.ts", 'import {\n  a,\n  b,\n} from "../cache/x.ts";'),
    sample("src/service/x.ts", 'import "../../test/support/x.ts";'),
    sample("src/attic/x.ts", "export const x = 1;"),
  ],
  "files do not import each other in a circle": [
    sample(
      "src/a/x.ts",
      'import "./y.ts";',
      "src/a/y.ts",
      'import "../b/z.ts";',
      "src/b/z.ts",
      'import "../a/x.ts";',
    ),
  ],
  "only the doors are named index or re-export and do nothing else": [
    sample("src/cache/index.ts", "export const x = 1;"),
    sample("src/cache/all.ts", '/* card */\nexport * from "./x.ts";\nexport { y } from "./y.ts";\n'),
  ],
  "no file is over 350 lines": [sample("src/cache/put.ts", long(351))],
  "no function is over 70 lines": [
    sample("src/a.ts", `function f(x: { a: 1 }): Promise<void> {\n${long(69)}}`),
    sample("src/a.ts", `class A {\n  f() {\n${long(69)}}\n}`),
    sample("src/a.ts", `const f = async () => {\n// {\n${long(68)}};`),
  ],
  "files and folders are named in kebab-case": [
    sample("src/cache/cacheIndex.ts", ""),
    sample("src/Cache/index.ts", ""),
    sample("test/cache_index.test.ts", ""),
  ],
  "no file or folder is named util, helper, common, manager, base or core": [
    sample("src/cache/key-utils.ts", ""),
    sample("src/core/put.ts", ""),
    sample("test/support/helpers.ts", ""),
  ],
  "each source file begins with a card of at least 3 lines": [
    sample("src/a.ts", "export const a = 1;\n"),
    sample("src/a.ts", "/** One line. */\nexport const a = 1;\n"),
    sample("src/a.ts", 'import "node:net";\n/**\n * Too\n * late.\n */\n'),
  ],
  "no type is any": [
    sample("src/a.ts", "const a: any = 1;"),
    sample("src/a.ts", "const a = 1 as any;"),
    sample("src/a.ts", "const a: Map<string, any> = b;"),
    sample("src/a.ts", "const a: any[] = b;"),
  ],
  "each TODO names its issue": [sample("src/a.ts", "// TODO: later")],
  "HTTP/2, files, the environment, signals, exit codes and clocks stay in their rooms": [
    sample("src/service/a.ts", 'import http2 from "node:http2";'),
    sample("src/service/a.ts", 'import { open } from "node:fs/promises";'),
    sample("src/log.ts", "const level = process.env.RUST_LOG;"),
    sample("src/service/a.ts", "process.exit(1);"),
    sample("src/index.ts", 'process.once("SIGTERM", stop);'),
    sample("src/arrow/a.ts", 'import { connect } from "node:net";'),
    sample("src/eviction/lru.ts", "const now = Date.now();"),
  ],
  "the lock file names no registry": [
    sample("package-lock.json", '{\n"resolved": "https://registry.example/a.tgz"\n}'),
  ],
  "no file names a path of somebody's machine": [
    sample("docs/a.md", ["see ", "home", "me", "notes"].join("/")),
    sample("test/a.ts", ['const python = "', "root", 'bin/python"'].join("/")),
  ],
  "tables in docs equal the code": [
    sample(...DOC_TABLES.slice(1).flatMap(({ path, table }) => [path, `# Title\n\n${table}\n`])),
    sample(...DOC_TABLES.flatMap(({ path, table }, i) => [path, i === 0 ? `${table}\n| MORE | |` : table])),
  ],
  "each runtime dependency has its section in docs/decisions": [
    sample("package.json", SETTINGS, "docs/decisions/0001-a.md", "# Left-pad\n"),
  ],
  "prose in documents is at most 100 columns wide": [
    sample("docs/a.md", `${"word ".repeat(21)}\n`),
    sample("README.md", `- ${"word ".repeat(20)}\n`),
  ],
  "a decision is numbered and at most 60 lines long": [
    sample("docs/decisions/0001-a.md", "text\n".repeat(61)),
    sample("docs/decisions/notes.md", "text\n"),
  ],
  "a recipe names each file that an existing one takes": [
    sample(
      "CONTRIBUTING.md",
      "## Recipes\n\n**A new limit.** `src/service/flight/actions.ts`.",
      "src/service/flight/actions.ts",
      "UNPIN: {",
    ),
    sample("src/command/describe-verbs.ts", 'import { stat } from "./stat.ts";'),
  ],
  "comments cite documents, and sections, that the repository has": [
    sample("src/a.ts", "// As in PROTOCOL" + " 4.2."),
    sample("test/a.py", '"""Puts (docs/b.md)."""', "docs/a.md", ""),
    sample(
      "src/a.ts",
      '/**\n * Gets (docs/a.md,\n * "Get"). Puts: docs/a.md, "Puts".\n */',
      "docs/a.md",
      "## Get\n",
    ),
  ],
  "each error code is thrown": [
    sample(
      "src/errors.ts",
      "  A_CODE: {\n",
      "src/a.ts",
      'if (isCacheError(error, "A_CODE") || code === "A_CODE") retry();',
    ),
  ],
};

const SAMPLES = Object.entries(BROKEN).flatMap(([title, samples]) =>
  samples.map((files) => ({ title, files })),
);

describe("the house rules", () => {
  it.each(RULES)("$title", ({ check }) => {
    expect(check(FILES)).toEqual([]);
  });

  it.each(SAMPLES)("finds a breach of: $title", ({ title, files }) => {
    const rule = RULES.find((each) => each.title === title);
    expect(rule?.check(files)).toHaveLength(1);
  });

  it("has a sample that breaks it for every rule", () => {
    expect(Object.keys(BROKEN).toSorted()).toEqual(RULES.map((rule) => rule.title).toSorted());
  });
});

describe("reading the source", () => {
  it("sees the whole repository", () => {
    expect(FILES.map((file) => file.path)).toEqual(expect.arrayContaining(["package.json", "src/errors.ts"]));
    expect(FILES.filter((file) => file.path.includes("node_modules"))).toEqual([]);
  });

  it("blanks comments and strings and keeps positions", () => {
    const text = ["a(`x $", "{b('}')} y`, /[/'{]/g); // {\nd /* } */ / e / f;"].join("");
    expect(blanked(text, { strings: false })).toBe("a(     b(   )    ,        g);     \nd         / e / f;");
    expect(blanked(text, { strings: true })).toHaveLength(text.length);
  });

  it("finds imports of every form and none in comments", () => {
    const text = [
      'import a, { type B } from "./1.ts";',
      'import "./2.ts";',
      'export type { C } from "./3.ts";',
      'const d = await import("./4.ts");',
      '// import e from "./5.ts";',
    ].join("\n");
    expect(importsOf({ path: "src/a.ts", text })).toEqual(["./1.ts", "./2.ts", "./3.ts", "./4.ts"]);
  });
});
