/**
 * The files of the repository as the tidy rules see them: path from the root and text.
 *
 * Walks the folder instead of asking git, so that it works in an unpacked archive too; what .gitignore names
 * is left out. Everything is read as UTF-8, also what is no text: searches for ASCII stay exact.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

export interface SourceFile {
  /** From the root of the repository, with `/`. */
  readonly path: string;
  readonly text: string;
}

export interface Rule {
  /** What holds, in the present tense. */
  readonly title: string;
  /** One line for each place that breaks the rule. */
  check(files: readonly SourceFile[]): string[];
}

/** Every file below `root` that is or could be committed. */
export function readTree(root: string): SourceFile[] {
  const lines = readFileSync(join(root, ".gitignore"), "utf8").split("\n").filter(Boolean);
  const folders = new Set([".git", ...lines.filter((l) => l.endsWith("/")).map((l) => l.slice(0, -1))]);
  const endings = lines.filter((line) => line.startsWith("*")).map((line) => line.slice(1));
  const files: SourceFile[] = [];
  const visit = (folder: string): void => {
    for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
      const path = folder === "" ? entry.name : `${folder}/${entry.name}`;
      if (entry.isDirectory() && !folders.has(entry.name)) visit(path);
      // In a worktree of git `.git` is a file.
      if (!entry.isFile() || folders.has(entry.name) || endings.some((ending) => path.endsWith(ending)))
        continue;
      files.push({ path, text: readFileSync(join(root, path), "utf8") });
    }
  };
  visit("");
  return files;
}

/** True for code that someone writes by hand. */
export function isCode(file: SourceFile): boolean {
  return /\.(ts|mjs|py)$/.test(file.path) && !file.path.includes("/generated/");
}

/** True for hand-written TypeScript of the product. */
export function isProduct(file: SourceFile): boolean {
  return file.path.startsWith("src/") && isCode(file);
}

/** `path:line` of a position in a file. */
export function placeOf(file: SourceFile, position: number): string {
  return `${file.path}:${file.text.slice(0, position).split("\n").length}`;
}

/** Every match of `pattern` in `text` (the file's own, or as long as it), as a complaint with its place. */
export function complain(file: SourceFile, text: string, pattern: RegExp, reason: string): string[] {
  return [...text.matchAll(pattern)].map((match) => `${placeOf(file, match.index)} ${reason}`);
}
