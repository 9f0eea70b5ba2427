/**
 * Copies what a Dockerfile's COPY sees: the repository without what .dockerignore names.
 *
 * Patterns are those of Docker's reference as far as our file uses them: names and paths from the root, `*` within a name,
 * `**` for any folders. A pattern that brings something back (`!`) throws.
 */
import { cpSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";

/** Copies the build context of `root` to `target`. */
export function copyBuildContext(root: string, target: string): void {
  const isIgnored = readDockerIgnore(readFileSync(join(root, ".dockerignore"), "utf8"));
  cpSync(root, target, {
    recursive: true,
    verbatimSymlinks: true,
    filter: (path) => path === root || !isIgnored(relative(root, path)),
  });
}

/** @returns whether a path, from the root of the context, is left out. Its folders are asked first. */
export function readDockerIgnore(text: string): (path: string) => boolean {
  const lines = text.split("\n").filter((line) => line.trim() !== "" && !line.startsWith("#"));
  if (lines.some((line) => line.startsWith("!"))) throw new Error("patterns with ! are not understood");
  const patterns = lines.map((line) => new RegExp(`^${line.split("/").map(partOf).join("")}$`));
  return (path) => patterns.some((pattern) => pattern.test(path));
}

function partOf(name: string, index: number, names: readonly string[]): string {
  if (name === "**") return "(?:[^/]+/)*";
  const escaped = name.replaceAll(/[.+?^${}()|[\]\\]/g, "\\$&").replaceAll("*", "[^/]*");
  return index === names.length - 1 ? escaped : `${escaped}/`;
}
