/**
 * Rules about the repository as a whole: the lock file, paths of machines, the tables and decisions in docs/.
 */
import { DOC_TABLES, holdsTable } from "./doc-tables.ts";
import { complain, type Rule, type SourceFile } from "./source-tree.ts";

const DECISION_LINES_MAX = 60;
const PROSE_COLUMNS_MAX = 100;

function textOf(files: readonly SourceFile[], path: string): string {
  return files.find((file) => file.path === path)?.text ?? "";
}

const registry: Rule = {
  title: "the lock file names no registry",
  check: (files) =>
    files
      .filter((file) => /(^|\/)package-lock\.json$/.test(file.path))
      .flatMap((file) => complain(file, file.text, /"resolved"\s*:\s*"https?:/g, "names a registry")),
};

const machinePaths: Rule = {
  title: "no file names a path of somebody's machine",
  check: (files) =>
    files.flatMap((file) =>
      complain(
        file,
        file.text,
        /(?<![\w.~>)}/*-])\/(?:work|home|root|Users)\/(?=\w)/g,
        "names a machine's path",
      ),
    ),
};

const docTables: Rule = {
  title: "tables in docs equal the code",
  check: (files) =>
    DOC_TABLES.filter(({ path, table }) => !holdsTable(textOf(files, path), table)).map(
      ({ path }) => `${path} differs: npx tsx test/support/tidy/doc-tables.ts`,
    ),
};

const dependencies: Rule = {
  title: "each runtime dependency has its section in docs/decisions",
  check: (files) => {
    const notes = files.filter((file) => file.path.startsWith("docs/decisions/")).map((file) => file.text);
    const settings = JSON.parse(textOf(files, "package.json")) as { dependencies?: Record<string, string> };
    return Object.keys(settings.dependencies ?? {})
      .filter((name) => !notes.some((note) => note.includes(`\n## ${name}\n`)))
      .map((name) => `${name} has no section in docs/decisions`);
  },
};

const decisions: Rule = {
  title: `a decision is numbered and at most ${DECISION_LINES_MAX} lines long`,
  check: (files) =>
    files
      .filter((file) => file.path.startsWith("docs/decisions/"))
      .filter(
        ({ path, text }) =>
          !/\/\d{4}-[a-z0-9-]+\.md$/.test(path) || text.split("\n").length > DECISION_LINES_MAX + 1,
      )
      .map(({ path }) => `${path} is not a short decision`),
};

/** Lines of prose: not in code, in tables, or in a decision. */
function wideLines({ path, text }: SourceFile): string[] {
  const prose = text.replaceAll(/^```[\s\S]*?^```/gm, (code) => code.replaceAll(/[^\n]/g, ""));
  return prose.split("\n").flatMap((line, index) => {
    const isProse = !/^(?:\||<| {4})/.test(line);
    return isProse && line.length > PROSE_COLUMNS_MAX
      ? [`${path}:${index + 1} is over ${PROSE_COLUMNS_MAX} columns`]
      : [];
  });
}

const proseWidth: Rule = {
  title: `prose in documents is at most ${PROSE_COLUMNS_MAX} columns wide`,
  check: (files) =>
    files
      .filter(({ path }) => path.endsWith(".md") && !/^(?:docs\/decisions|src|test|bench)\//.test(path))
      .flatMap(wideLines),
};

export const REPOSITORY_RULES = [registry, machinePaths, docTables, dependencies, decisions, proseWidth];
