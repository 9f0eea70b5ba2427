/**
 * A problem of a configuration file, as `config check` reports it, and the conversions to it.
 *
 * An error makes a program refuse the file or ignore a part of it. A warning is about a part that is
 * valid and may be intended.
 */
import type { z } from "zod";
import type { CacheError } from "../errors.ts";
import { closestName } from "./closest-name.ts";
import type { YamlFile, YamlPath } from "./yaml-file.ts";

export interface ConfigProblem {
  readonly severity: "error" | "warning";
  /** `FILE:LINE`, or `FILE` if there is no line. */
  readonly source: string;
  /** `cache.eviction.policy`, `contexts[0].cache`; undefined: the whole file. */
  readonly key: string | undefined;
  /** The rest of a sentence that begins with the key: "must be ...". */
  readonly text: string;
  /** The known key that is closest to an unknown one. */
  readonly suggestion: string | undefined;
}

/** `contexts[0].cache.endpoint`; undefined for the whole file. */
export function formatKey(path: YamlPath): string | undefined {
  const text = path.map((step) => (typeof step === "number" ? `[${step}]` : `.${step}`)).join("");
  return text === "" ? undefined : text.replace(/^\./, "");
}

export function problemAt(file: YamlFile, path: YamlPath, text: string): ConfigProblem {
  const place = { source: file.placeOf(path), key: formatKey(path) };
  return { severity: "error", ...place, text, suggestion: undefined };
}

/** @param known the keys that may stand beside it */
export function unknownKeyAt(file: YamlFile, path: YamlPath, known: readonly string[]): ConfigProblem {
  const closest = closestName(String(path.at(-1)), known);
  const suggestion = closest === undefined ? undefined : formatKey([...path.slice(0, -1), closest]);
  return { ...problemAt(file, path, "is not a known key"), suggestion };
}

/** The problem of a value; undefined if the schema accepts it. */
export function valueProblem(
  file: YamlFile,
  path: YamlPath,
  { value, schema }: { readonly value: unknown; readonly schema: z.ZodType },
): ConfigProblem | undefined {
  const result = schema.safeParse(value);
  if (result.success) return undefined;
  const shown = JSON.stringify(value) ?? String(value);
  return problemAt(file, path, `${result.error.issues[0]?.message}: got ${shown.slice(0, 200)}`);
}

/** The problem that an INVALID_CONFIG about this place reports. Its text names key and source, too. */
export function problemOf({ message, facts }: CacheError, file: YamlFile, path: YamlPath): ConfigProblem {
  const text = message.replace(/^\[\w+\] /, "").replace(` (${file.placeOf(path)})`, "");
  const start = `${facts.key} `;
  return problemAt(file, path, text.startsWith(start) ? text.slice(start.length) : text);
}
