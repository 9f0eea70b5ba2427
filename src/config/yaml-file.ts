/**
 * Reads a YAML file as plain values and keeps their line numbers for error messages.
 *
 * Reads the whole file, at most `configFileBytesMax`. The checks of the YAML library (duplicate
 * keys, alias bombs) are on.
 */
import type { Document, Node, YAMLParseError } from "yaml";
import { CacheError } from "../errors.ts";
import { LIMITS } from "../limits.ts";
import { readTextFile } from "./read-text-file.ts";
import { yamlLibrary } from "./yaml-library.ts";

/** The library compares each key of a mapping with all others: a mapping of many keys takes minutes. */
const OPTIONS = { prettyErrors: false, uniqueKeys: false } as const;

export type YamlPath = readonly (string | number)[];

export interface YamlFile {
  readonly path: string;
  /** Plain data; null for an empty file. */
  readonly value: unknown;
  /** `FILE:LINE` of the value at this path, or of the nearest part of the path that exists. */
  placeOf(path: YamlPath): string;
}

/**
 * Reads a file; undefined if it does not exist.
 * @throws {CacheError} INVALID_CONFIG if it cannot be read, is too large or is not YAML.
 */
export function readYamlFile(path: string): YamlFile | undefined {
  const text = readText(path);
  return text === undefined ? undefined : parseYamlText(path, text);
}

function readText(path: string): string | undefined {
  try {
    const file = readTextFile(path, LIMITS.configFileBytesMax);
    if ("text" in file) return file.text;
    const reason = {
      "a directory": `cannot be read: ${describeReason("EISDIR")}`,
      "not a file": "is not a file",
      "too large": `is larger than ${LIMITS.configFileBytesMax} bytes`,
    }[file.problem];
    throw new CacheError("INVALID_CONFIG", `${path} ${reason}`, { facts: { source: path } });
  } catch (error) {
    if (error instanceof CacheError) throw error;
    const code = (error as NodeJS.ErrnoException).code;
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    throw new CacheError("INVALID_CONFIG", `${path} cannot be read: ${describeReason(code)}`, {
      facts: { source: path },
      cause: error,
    });
  }
}

function describeReason(code: string | undefined): string {
  switch (code) {
    case "EACCES":
      return "this user may not open it (EACCES); change its permissions, or name another directory with FLAME_HOME";
    case "EISDIR":
      return "it is a directory (EISDIR); name a file in it";
    default:
      return code ?? "unknown reason";
  }
}

export interface YamlOptions {
  /** True: errors do not contain the text of the file. */
  readonly isSecret?: boolean;
}

/** @throws {CacheError} INVALID_CONFIG with the line. */
export function parseYamlText(path: string, text: string, { isSecret = false }: YamlOptions = {}): YamlFile {
  const { LineCounter, parseDocument } = yamlLibrary();
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, ...OPTIONS });
  const [problem] = [...document.errors, ...repeatedKeys(document)];
  if (problem !== undefined) {
    const source = `${path}:${lines.linePos(problem.pos[0]).line}`;
    throw isSecret ? secretNotYaml(source, problem.code) : notYaml(source, problem);
  }
  return {
    path,
    value: plainValue(path, document, isSecret),
    placeOf: (at) => `${path}:${lines.linePos(positionOf(document, at)).line}`,
  };
}

/**
 * The errors in the syntax of a text, each with its place; none if it is YAML. Warnings of the
 * library are not errors.
 */
export function yamlProblems(
  path: string,
  text: string,
  { isSecret = false }: YamlOptions = {},
): readonly { readonly source: string; readonly reason: string }[] {
  const { LineCounter, parseDocument } = yamlLibrary();
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, ...OPTIONS });
  return [...document.errors, ...repeatedKeys(document)].map(({ pos, code, message }) => ({
    source: `${path}:${lines.linePos(pos[0]).line}`,
    reason: isSecret ? code : message.split("\n", 1)[0]!,
  }));
}

/** One error for each key that its mapping has already. */
function repeatedKeys(document: Document.Parsed): YAMLParseError[] {
  const { isScalar, visit, YAMLParseError } = yamlLibrary();
  const errors: YAMLParseError[] = [];
  visit(document, {
    Map(_key, { items }) {
      const seen = new Set<unknown>();
      for (const { key } of items) {
        if (!isScalar(key)) continue;
        const at = startOf(key) ?? 0;
        if (seen.has(key.value))
          errors.push(new YAMLParseError([at, at + 1], "DUPLICATE_KEY", "Map keys must be unique"));
        seen.add(key.value);
      }
    },
  });
  return errors;
}

function plainValue(path: string, document: Document.Parsed, isSecret: boolean): unknown {
  try {
    return document.toJS();
  } catch (error) {
    throw isSecret ? secretNotYaml(path, "BAD_ALIAS") : notYaml(path, error as Error);
  }
}

function notYaml(source: string, problem: Error): CacheError {
  const reason = problem.message.split("\n", 1)[0];
  return new CacheError("INVALID_CONFIG", `${source} is not valid YAML: ${reason}`, {
    facts: { source },
    cause: problem,
  });
}

/** Without the library's message, which may quote the text. */
function secretNotYaml(source: string, reason: string): CacheError {
  return new CacheError("INVALID_CONFIG", `${source} is not valid YAML: ${reason}`, { facts: { source } });
}

/** Offset of the last key (in a map) or item (in a list) of the path. */
function positionOf(document: Document.Parsed, path: YamlPath): number {
  const { isAlias, isMap, isScalar, isSeq } = yamlLibrary();
  let node: unknown = document.contents;
  let position = startOf(node) ?? 0;
  for (const step of path) {
    if (isAlias(node)) node = node.resolve(document);
    let next: unknown;
    if (isMap(node)) {
      const pair = node.items.find(({ key }) => isScalar(key) && key.value === step);
      position = startOf(pair?.key) ?? position;
      next = pair?.value;
    } else if (isSeq(node)) {
      next = node.items[Number(step)];
      position = startOf(next) ?? position;
    }
    if (next === undefined || next === null) break;
    node = next;
  }
  return position;
}

function startOf(node: unknown): number | undefined {
  return (node as Node | null | undefined)?.range?.[0];
}
