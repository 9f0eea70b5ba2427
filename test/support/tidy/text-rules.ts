/**
 * Rules about the text of the code: sizes, names, header cards, and words that belong to one room.
 *
 * Words are looked for outside of comments and strings, module names inside of strings.
 */
import { blanked, commentsOf } from "./blanked.ts";
import { complain, isCode, isProduct, type Rule, type SourceFile } from "./source-tree.ts";

const FILE_LINES_MAX = 350;
const FUNCTION_LINES_MAX = 70;
const HEADER_LINES_MIN = 3;

const BANNED_NAME = /(^|[/_.-])(utils?|helpers?|commons?|managers?|base|core)(?=[/_.-])/;
const KEBAB_PATH = /^[a-z0-9]+(-[a-z0-9]+)*(\.[a-z0-9]+)*$/;

/** Words that only some files may say. */
const OWNED: readonly { word: RegExp; owners: RegExp; reason: string }[] = [
  {
    word: /["']node:http2["']/g,
    owners: /^src\/grpc\//,
    reason: "HTTP/2 is spoken in grpc/ only",
  },
  {
    word: /["']node:fs(\/promises)?["']/g,
    owners:
      /^src\/(storage|command|config|client\/cache\/local)\/|^src\/service\/admin\/(process-facts|page-files)\.ts$|^src\/s3\/credentials\/profile-files\.ts$/,
    reason:
      "files are opened in storage/, the config loader, the commands and the client's local/ only; process-facts.ts reads /proc, page-files.ts the dashboard of the package, and profile-files.ts the shared credentials of AWS tools",
  },
  {
    word: /\bprocess\s*(\.|\?\.)\s*env\b/g,
    owners: /^src\/config\//,
    reason: "the environment is read in config/ only",
  },
  {
    word: /\bprocess\s*\.\s*(exit|exitCode|abort|kill)\b|\bprocess\s*\.\s*(on|once)\s*\(\s*["']SIG/g,
    owners: /^src\/cli\.ts$/,
    reason: "signals and exit codes are cli.ts's",
  },
  {
    word: /["']node:(?!buffer["']|crypto["']|util["']|zlib["'])|\b(?:Date|performance)\s*\.\s*now\b/g,
    owners: /^src\/(?!(arrow|object|flight|eviction)\/)/,
    reason: "pure rooms have no I/O and no clock",
  },
];

function linesOf(text: string): number {
  return text.replace(/\n$/, "").split("\n").length;
}

const fileSize: Rule = {
  title: `no file is over ${FILE_LINES_MAX} lines`,
  check: (files) =>
    files
      .filter((file) => isCode(file) && linesOf(file.text) > FILE_LINES_MAX)
      .map((file) => `${file.path} has ${linesOf(file.text)} lines`),
};

/** Blocks that are the body of a function, by what stands before the brace; suites of tests are not meant. */
function isFunctionBody(before: string): boolean {
  const line = before.slice(before.lastIndexOf("\n") + 1);
  return /=>\s*$|\)\s*(:[^=;]+)?$/.test(line.trimEnd()) && !/^\s*describe\b/.test(line);
}

function longFunctionsOf(file: SourceFile): string[] {
  const text = blanked(file.text, { strings: false });
  const open: number[] = [];
  const found: string[] = [];
  for (const { index } of text.matchAll(/[{}]/g)) {
    if (text[index] === "{") open.push(index);
    else {
      const start = open.pop() ?? 0;
      const size = linesOf(text.slice(start, index + 1));
      if (size <= FUNCTION_LINES_MAX || !isFunctionBody(text.slice(0, start))) continue;
      found.push(`${file.path}:${linesOf(text.slice(0, start))} has a function of ${size} lines`);
    }
  }
  return found;
}

const functionSize: Rule = {
  title: `no function is over ${FUNCTION_LINES_MAX} lines`,
  check: (files) =>
    files.filter((file) => isCode(file) && !file.path.endsWith(".py")).flatMap(longFunctionsOf),
};

const fileNames: Rule = {
  title: "files and folders are named in kebab-case",
  check: (files) =>
    files
      .filter((file) => isCode(file) && !file.path.endsWith(".py"))
      .filter((file) => !file.path.split("/").every((part) => KEBAB_PATH.test(part)))
      .map((file) => `${file.path} is not kebab-case`),
};

const bannedNames: Rule = {
  title: "no file or folder is named util, helper, common, manager, base or core",
  check: (files) =>
    files
      .filter((file) => /^(src|test|bench|scripts)\//.test(file.path) && BANNED_NAME.test(file.path))
      .map((file) => `${file.path} says nothing about what is in it`),
};

function hasHeaderCard(file: SourceFile): boolean {
  const card = /^(?:#![^\n]*\n)?\s*(\/\*[\s\S]*?\*\/)/.exec(file.text)?.[1];
  return card !== undefined && linesOf(card) >= HEADER_LINES_MIN;
}

const headerCard: Rule = {
  title: `each source file begins with a card of at least ${HEADER_LINES_MIN} lines`,
  check: (files) =>
    files
      .filter((file) => isProduct(file) && !hasHeaderCard(file))
      .map((file) => `${file.path} has no header card`),
};

const anyType: Rule = {
  title: "no type is any",
  check: (files) =>
    files
      .filter((file) => isCode(file) && file.path.endsWith(".ts"))
      .flatMap((file) => {
        const text = blanked(file.text, { strings: false });
        return complain(
          file,
          text,
          /(?:[:<|&,]\s*|\b(?:as|satisfies)\s+|=\s*)any\b(?!\s*[.(:])/g,
          "says any",
        );
      }),
};

const todo: Rule = {
  title: "each TODO names its issue",
  check: (files) =>
    files.filter(isCode).flatMap((file) => {
      const comments = file.path.endsWith(".py") ? file.text : commentsOf(file.text);
      return complain(file, comments, /\b(TODO|FIXME|XXX)\b(?!\(#\d+\))/g, "names no issue");
    }),
};

const ownedWords: Rule = {
  title: "HTTP/2, files, the environment, signals, exit codes and clocks stay in their rooms",
  check: (files) =>
    OWNED.flatMap(({ word, owners, reason }) =>
      files
        .filter((file) => isProduct(file) && !owners.test(file.path))
        .flatMap((file) => complain(file, blanked(file.text, { strings: true }), word, reason)),
    ),
};

export const TEXT_RULES = [
  fileSize,
  functionSize,
  fileNames,
  bannedNames,
  headerCard,
  anyType,
  todo,
  ownedWords,
];
