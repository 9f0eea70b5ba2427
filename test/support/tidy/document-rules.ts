/**
 * Rules that hold documents and code to each other: the files that recipes of CONTRIBUTING.md name, what comments cite, codes that are thrown.
 *
 * A recipe is checked by what is there already: the files that mention an existing action, verb or engine are those that a new
 * one takes.
 */
import { commentsOf } from "./blanked.ts";
import { complain, isCode, isProduct, placeOf, type Rule, type SourceFile } from "./source-tree.ts";

const CONTRIBUTING = "CONTRIBUTING.md";
const PATH = /^(?:[\w.-]+\/)*[\w.-]+(?:\/|\.(?:ts|mjs|py|md|json|yaml|proto))$/;

/** What stands in every file that an existing one takes, and in no other file of these folders. */
const EXISTING: readonly { recipe: string; folders: RegExp; mentions: RegExp }[] = [
  {
    recipe: "A new action",
    folders: /^src\/service\/flight\/actions|^docs\/protocol/,
    mentions: /\bUNPIN\b/,
  },
  {
    recipe: "A new configuration key",
    folders: /^(src\/config\/|docs\/configuration)/,
    mentions: /verifyReads|verify_reads/,
  },
  { recipe: "A new error code", folders: /^src\//, mentions: /^ {2}UNKNOWN_ACTION: /m },
  {
    recipe: "A new eviction policy",
    folders: /^(src\/config\/|src\/eviction\/open|docs\/eviction|test\/unit\/eviction\/policy-contract)/,
    mentions: /s3-fifo/,
  },
  {
    recipe: "A new storage engine",
    folders: /^src\/(config|service)\//,
    mentions: /\b(storage|storage\.value|location)\.kind\b|\bkind: "files"/,
  },
  { recipe: "A new verb of the command", folders: /^src\//, mentions: /from "\.\/stat\.ts"/ },
  {
    recipe: "A new Flight method",
    folders: /^(src\/flight\/|src\/service\/flight\/flight-service|docs\/protocol)/,
    mentions: /\bGetSchema\b/,
  },
  { recipe: "A new attack", folders: /^test\/hostile\/attacks\//, mentions: /from "\.\/dribbles\.ts"/ },
];

/** The recipes by their titles, as one text each. */
function recipesOf(files: readonly SourceFile[]): Map<string, string> {
  const text = files.find(({ path }) => path === CONTRIBUTING)?.text ?? "";
  const section = /^## Recipes\n([\s\S]*?)(?=^## |(?![\s\S]))/m.exec(text)?.[1] ?? "";
  return new Map(
    [...section.matchAll(/^\*\*(.+)\.\*\*([\s\S]*?)(?=^\*\*|(?![\s\S]))/gm)].map((m) => [m[1]!, m[2]!]),
  );
}

/** Paths that stand in code quotes, also as an argument of a command. */
function pathsIn(recipe: string): string[] {
  const quoted = [...recipe.matchAll(/`([^`]+)`/g)].flatMap((match) => match[1]!.split(/\s+/));
  return quoted.filter((word) => PATH.test(word));
}

const recipeFiles: Rule = {
  title: "a recipe names each file that an existing one takes",
  check: (files) => {
    const recipes = recipesOf(files);
    return EXISTING.flatMap(({ recipe, folders, mentions }) => {
      const named = new Set(pathsIn(recipes.get(recipe) ?? ""));
      return files
        .filter(({ path, text }) => folders.test(path) && mentions.test(text) && !named.has(path))
        .map(({ path }) => `${CONTRIBUTING}: "${recipe}" does not name ${path}`);
    });
  },
};

/** Pages of others, by the names that they had. */
const ELSEWHERE = /\bPROTOCOL(?:,? "| section| \d)|\bFINDINGS\b|§|\(issue[,; )]|; issue,/g;
const CITED = /\b(docs\/[\w/-]+\.md)(?:,[\s*]+"([^"]+)")?/g;

/** Comments at their places; of Python everything. */
function commentsIn(file: SourceFile): string {
  return file.path.endsWith(".py") ? file.text : commentsOf(file.text);
}

const citations: Rule = {
  title: "comments cite documents, and sections, that the repository has",
  check: (files) => {
    const texts = new Map(files.map(({ path, text }) => [path, text]));
    const isThere = (path: string, section: string | undefined): boolean =>
      section === undefined
        ? texts.has(path)
        : new RegExp(`^#+ ${section.replaceAll(/[\s*]+/g, " ")}\\b`, "m").test(texts.get(path) ?? "");
    return files.filter(isCode).flatMap((file) => {
      const comments = commentsIn(file);
      const missing = [...comments.matchAll(CITED)].filter(([, path, section]) => !isThere(path!, section));
      return [
        ...complain(file, comments, ELSEWHERE, "cites what is not in the repository"),
        ...missing.map((match) => `${placeOf(file, match.index)} cites ${match[0]}, which is not there`),
      ];
    });
  },
};

/** A code in quotes that is not compared with: it is thrown, or on its way there. */
function throws(text: string, code: string): boolean {
  return text.replaceAll(/isCacheError\([^()]*\)|[!=]== "\w+"/g, "").includes(`"${code}"`);
}

const thrownCodes: Rule = {
  title: "each error code is thrown",
  check: (files) => {
    const table = files.find(({ path }) => path === "src/errors.ts")?.text ?? "";
    // Statuses of gRPC have some of the names.
    const product = files.filter(
      (file) => isProduct(file) && file.path !== "src/errors.ts" && file.path !== "src/grpc/status.ts",
    );
    return [...table.matchAll(/^ {2}([A-Z_]+): \{/gm)]
      .map((match) => match[1]!)
      .filter((code) => !product.some(({ text }) => throws(text, code)))
      .map((code) => `${code} is thrown nowhere`);
  },
};

export const DOCUMENT_RULES = [recipeFiles, citations, thrownCodes];
