/**
 * Checks one configuration file of any kind: finds out what it is, and finds all of its problems.
 *
 * A file that is not YAML has only the problems of its syntax. Texts of an access file are not
 * repeated, because somebody may write a password in a wrong place.
 */
import { readFileSync, statSync } from "node:fs";
import { basename, dirname, resolve } from "node:path";
import { CacheError } from "../errors.ts";
import { LIMITS } from "../limits.ts";
import { type AccessGrammar, type AccessProblem, findAccessProblems } from "./access-problems.ts";
import { checkClientFile } from "./check-client-file.ts";
import { checkServerFile } from "./check-server-file.ts";
import { CLIENT_FILE_NAME } from "./client-config.ts";
import { closestName } from "./closest-name.ts";
import { type ConfigProblem, problemAt } from "./config-problem.ts";
import { type Environment, userHome } from "./flame-home.ts";
import { CONFIG_FILE_NAME } from "./load-cache-config.ts";
import { parseYamlText, type YamlFile, yamlProblems } from "./yaml-file.ts";

export const FILE_KINDS = ["server", "client", "access"] as const;

/** `server`: flame-cluster.yaml; `client`: flame.yaml; `access`: the access file of a server. */
export type FileKind = (typeof FILE_KINDS)[number];

export interface CheckedFile {
  /** Undefined if it is none of them. */
  readonly kind: FileKind | undefined;
  readonly problems: readonly ConfigProblem[];
}

export interface CheckOptions {
  /** Undefined: by the keys of the file, then by its name. */
  readonly kind: FileKind | undefined;
  readonly grammar: AccessGrammar;
  /** What is wrong in the section `jwt` of an access file. */
  readonly jwtProblems: (section: unknown) => readonly AccessProblem[];
  /** Of which FLAME_HOME and HOME are used. Undefined: the environment of the process. */
  readonly env: Environment | undefined;
}

const KIND_OF_NAME: ReadonlyMap<string, FileKind> = new Map([
  [CONFIG_FILE_NAME, "server"],
  [CLIENT_FILE_NAME, "client"],
]);

/** Some of the keys at the top, of which a file has one. */
const KIND_OF_KEY: Readonly<Record<string, FileKind>> = {
  cache: "server",
  contexts: "client",
  clusters: "client",
  "current-context": "client",
  "current-cluster": "client",
  identities: "access",
  anonymous: "access",
};

const MUST_BE =
  "must have the key cache (a server), contexts or clusters (a client), or identities (an access file); --as names the kind";

/**
 * @param path relative to the working directory
 * @throws {CacheError} INVALID_CONFIG if the file is too large
 * @throws the system's error if it cannot be read
 */
export function checkConfigFile(path: string, options: CheckOptions): CheckedFile {
  const text = readText(path);
  const named = options.kind ?? KIND_OF_NAME.get(basename(path));
  const isSecret = named === undefined || named === "access";
  const syntax = yamlProblems(path, text, { isSecret });
  if (syntax.length > 0) return { kind: named, problems: syntax.map(notYaml) };
  const file = parseYamlText(path, text, { isSecret });
  const kind = options.kind ?? kindOf(file) ?? named;
  if (kind === undefined) return { kind, problems: [unknownKind(file)] };
  return { kind, problems: inOrder(problemsOf(file, kind, options)) };
}

function problemsOf(file: YamlFile, kind: FileKind, options: CheckOptions): readonly ConfigProblem[] {
  const { env = process.env } = options;
  switch (kind) {
    case "server":
      return checkServerFile(file, env);
    case "client":
      return checkClientFile(file, { directory: dirname(resolve(file.path)), userHome: userHome(env) });
    case "access":
      return accessProblems(file, options);
  }
}

function accessProblems(file: YamlFile, { grammar, jwtProblems }: CheckOptions): readonly ConfigProblem[] {
  const { problems, warnings, jwt } = findAccessProblems(file, grammar);
  const all = jwt === undefined || jwt === null ? problems : [...problems, ...jwtProblems(jwt)];
  return [
    ...all.map(({ path, reason }) => problemAt(file, path, reason)),
    ...warnings.map(({ key, source, suggestion }) => ({
      severity: "error" as const,
      source,
      key,
      text: "is not a known key",
      suggestion,
    })),
  ];
}

function readText(path: string): string {
  const { size } = statSync(path);
  const sizeMax = Math.max(LIMITS.configFileBytesMax, LIMITS.accessFileBytesMax);
  if (size <= sizeMax) return readFileSync(path, "utf8");
  throw new CacheError("INVALID_CONFIG", `${path} is larger than ${sizeMax} bytes`, {
    facts: { source: path },
  });
}

function keysOf({ value }: YamlFile): readonly string[] {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? Object.keys(value) : [];
}

function kindOf(file: YamlFile): FileKind | undefined {
  const key = keysOf(file).find((each) => Object.hasOwn(KIND_OF_KEY, each));
  return key === undefined ? undefined : KIND_OF_KEY[key];
}

/** With the known key that is closest to one of the file. */
function unknownKind(file: YamlFile): ConfigProblem {
  for (const key of keysOf(file)) {
    const suggestion = closestName(key, Object.keys(KIND_OF_KEY));
    if (suggestion !== undefined) return { ...problemAt(file, [key], MUST_BE), suggestion };
  }
  return problemAt(file, [], MUST_BE);
}

function notYaml({ source, reason }: { readonly source: string; readonly reason: string }): ConfigProblem {
  return {
    severity: "error",
    source,
    key: undefined,
    text: `is not valid YAML: ${reason}`,
    suggestion: undefined,
  };
}

/** By line; the order of problems in one line stays. */
function inOrder(problems: readonly ConfigProblem[]): readonly ConfigProblem[] {
  return problems.toSorted((a, b) => lineOf(a) - lineOf(b));
}

/** The line of a problem; 0: it has none. */
export function lineOf({ source }: ConfigProblem): number {
  return Number(/:(\d+)$/.exec(source)?.[1] ?? 0);
}
