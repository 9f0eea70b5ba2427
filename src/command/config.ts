/**
 * `config check FILE`: prints every problem of a configuration file, one per line, without a server.
 *
 * Exit codes: 78 if there is an error; 66 if the file cannot be opened. Warnings alone leave 0.
 */
import { ACCESS_GRAMMAR } from "../access/access-table.ts";
import { jwtProblems } from "../access/jwt-section.ts";
import { type CheckedFile, checkConfigFile, type FileKind, lineOf } from "../config/check-config-file.ts";
import type { ConfigProblem } from "../config/config-problem.ts";
import { isCacheError } from "../errors.ts";
import { escapeInvisible } from "../log-format.ts";
import type { ExitName } from "./exit-codes.ts";
import { fileFailure } from "./failure.ts";
import { jsonLine } from "./json-line.ts";
import { formatCount } from "./quantities.ts";
import type { VerbRun } from "./verb.ts";

export const CONFIG_STEPS = ["check"] as const;

export interface ConfigOptions {
  readonly as?: FileKind;
  readonly json?: boolean;
}

const KIND_NAMES: Readonly<Record<FileKind, string>> = {
  server: "a server's configuration",
  client: "a client's configuration",
  access: "an access file",
};

export async function checkConfig(path: string, options: ConfigOptions, run: VerbRun): Promise<ExitName> {
  const checked = readAndCheck(path, options, run);
  const errors = checked.problems.filter(({ severity }) => severity === "error").length;
  if (options.json === true) await run.print(formatJson(path, checked, errors));
  else await run.print(formatText(path, checked, errors));
  return errors === 0 ? "ok" : "config";
}

function readAndCheck(path: string, { as }: ConfigOptions, { context: { env } }: VerbRun): CheckedFile {
  try {
    return checkConfigFile(path, { kind: as, grammar: ACCESS_GRAMMAR, jwtProblems, env });
  } catch (error) {
    if (isCacheError(error) || !(error instanceof Error && "code" in error)) throw error;
    throw fileFailure("noInput", path, error);
  }
}

function formatText(path: string, { kind, problems }: CheckedFile, errors: number): string {
  const what = kind === undefined ? "" : ` (${KIND_NAMES[kind]})`;
  const count = errors === 0 ? "no errors" : formatCount(errors, "error");
  return [...problems.map(formatProblem), `${path}: ${count}${what}`]
    .map((line) => `${escapeInvisible(line)}\n`)
    .join("");
}

function formatProblem({ severity, source, key, text, suggestion }: ConfigProblem): string {
  const start = severity === "warning" ? `${source}: warning:` : `${source}:`;
  const next = suggestion === undefined ? "" : `; did you mean ${suggestion}?`;
  return `${start} ${key === undefined ? "" : `${key} `}${text}${next}`;
}

function formatJson(path: string, { kind, problems }: CheckedFile, errors: number): string {
  const rows = problems.map((problem) => ({
    severity: problem.severity,
    line: lineOf(problem) || null,
    key: problem.key ?? null,
    text: problem.text,
    suggestion: problem.suggestion ?? null,
  }));
  return jsonLine({ file: path, kind: kind ?? null, errors, problems: rows });
}
