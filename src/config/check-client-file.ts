/**
 * Finds every problem of a flame.yaml: of all its entries, not only of the current one.
 *
 * The file is shared with other programs, so that an unknown key outside the section `cache` is
 * reported only if it looks like a known one. In the section `cache`, the keys of all clients of the
 * cache are known. Reads the files that the section names.
 */
import { z } from "zod";
import { isCacheError } from "../errors.ts";
import {
  type NamedCredentials,
  NO_CREDENTIALS,
  readCredentials,
  type SourcedText,
} from "./client-credentials.ts";
import { closestName } from "./closest-name.ts";
import { type ConfigProblem, problemAt, problemOf, unknownKeyAt, valueProblem } from "./config-problem.ts";
import { type Endpoint, endpointSchema } from "./endpoint.ts";
import { type PathContext, resolvePath, storageLocationSchema } from "./storage-location.ts";
import { switchSchema } from "./switch-schema.ts";
import { textSchema } from "./text-schema.ts";
import { readPem } from "./tls-files.ts";
import type { YamlFile, YamlPath } from "./yaml-file.ts";

const text = textSchema((value) => value);
const byteCount = textSchema((value, refuse) =>
  /^\d{1,15}$/.test(value) ? Number(value) : refuse("must be a number of bytes"),
);

const CACHE_KEYS: Readonly<Record<string, z.ZodType>> = {
  endpoint: endpointSchema,
  storage: storageLocationSchema,
  tls: z.looseObject({}, { error: "must be a mapping with ca_file" }),
  token_file: text,
  client_cert_file: text,
  client_key_file: text,
  zero_copy: switchSchema,
  // Of the Python client alone.
  allow_pickle: switchSchema,
  warn_pickle: switchSchema,
  validate: switchSchema,
  legacy_values: switchSchema,
  kept_bytes: byteCount,
};

const GENERATIONS = [
  { list: "contexts", current: "current-context", keys: ["name", "cluster", "cache"] },
  { list: "clusters", current: "current-cluster", keys: ["name", "endpoint", "cache"] },
] as const;

type Mapping = Readonly<Record<string, unknown>>;

const ROOT_KEYS: readonly string[] = GENERATIONS.flatMap(({ list, current }) => [list, current]);
/** Whose credentials are checked without an endpoint: then the certificates are read, too. */
const ANY_ENDPOINT: Endpoint = { scheme: "grpcs", host: "localhost", port: 1 };

/** @param context the base of relative paths: the directory of the file */
export function checkClientFile(file: YamlFile, context: PathContext): readonly ConfigProblem[] {
  return new ClientFileCheck(file, context).run();
}

class ClientFileCheck {
  readonly #file: YamlFile;
  readonly #context: PathContext;
  readonly #problems: ConfigProblem[] = [];

  constructor(file: YamlFile, context: PathContext) {
    this.#file = file;
    this.#context = context;
  }

  run(): readonly ConfigProblem[] {
    const root = this.#mapping([], this.#file.value);
    this.#noteMistyped([], root, ROOT_KEYS);
    const used = GENERATIONS.find(({ list }) => root[list]) ?? GENERATIONS[1];
    for (const generation of GENERATIONS) {
      const names = this.#checkList(root, generation);
      if (generation === used && names !== undefined) this.#checkCurrent(generation.current, root, names);
    }
    return this.#problems;
  }

  /** @returns the names of the entries; undefined if there is no list */
  #checkList(root: Mapping, { list, keys }: (typeof GENERATIONS)[number]): readonly string[] | undefined {
    const entries = root[list] ?? [];
    if (Array.isArray(entries)) return entries.map((entry, at) => this.#checkEntry([list, at], entry, keys));
    this.#note([list], "must be a list");
    return undefined;
  }

  #checkCurrent(key: string, root: Mapping, names: readonly string[]): void {
    const current = root[key] ?? undefined;
    const listed = names.join(", ") || "the entries, but there are none";
    if (current === undefined && names.length > 1) this.#note([], `${key} must name one of ${listed}`);
    else if (current !== undefined && !names.includes(String(current)))
      this.#note([key], `must be one of ${listed}: got ${JSON.stringify(current)}`);
  }

  /** @returns the name of the entry */
  #checkEntry(path: YamlPath, value: unknown, known: readonly string[]): string {
    const entry = this.#mapping(path, value);
    this.#noteMistyped(path, entry, known);
    if (typeof entry.name !== "string") this.#note([...path, "name"], "must be text");
    if (typeof entry.cache === "string") this.#checkValue([...path, "cache"], entry.cache, endpointSchema);
    else this.#checkCache([...path, "cache"], this.#mapping([...path, "cache"], entry.cache));
    return String(entry.name);
  }

  #checkCache(path: YamlPath, cache: Mapping): void {
    for (const [key, value] of Object.entries(cache)) {
      const schema = Object.hasOwn(CACHE_KEYS, key) ? CACHE_KEYS[key] : undefined;
      if (schema !== undefined) this.#checkValue([...path, key], value, schema);
      else this.#noteUnknown([...path, key]);
    }
    const tls =
      cache.tls === null || typeof cache.tls !== "object" ? {} : (cache.tls as Record<string, unknown>);
    for (const key of Object.keys(tls).filter((each) => each !== "ca_file"))
      this.#problems.push(unknownKeyAt(this.#file, [...path, "tls", key], ["ca_file"]));
    this.#checkFiles(path, cache, tls.ca_file);
  }

  #noteUnknown(path: YamlPath): void {
    const unknown = unknownKeyAt(this.#file, path, Object.keys(CACHE_KEYS));
    const isToken = path.at(-1) === "token";
    const reason = "is not a known key: a token must not be in this file, token_file names its file";
    this.#problems.push(isToken ? { ...unknown, text: reason } : unknown);
  }

  #checkFiles(path: YamlPath, cache: Mapping, caFile: unknown): void {
    const ca = this.#path([...path, "tls", "ca_file"], caFile);
    if (ca !== undefined) this.#attempt(path, () => readPem("cache.tls.ca_file", ca.text));
    const named = (key: string) => this.#path([...path, key], cache[key]);
    this.#readCredentials(path, { tokenFile: named("token_file") });
    this.#readCredentials(path, { certFile: named("client_cert_file"), keyFile: named("client_key_file") });
  }

  /** @param path of the section, with which the keys in errors begin */
  #readCredentials(path: YamlPath, given: NamedCredentials): void {
    const key = given.tokenFile === undefined ? "client_key_file" : "token_file";
    const warn = (warning: string): void => {
      this.#problems.push({ ...problemAt(this.#file, [...path, key], warning), severity: "warning" });
    };
    const request = { given, configured: NO_CREDENTIALS, endpoint: ANY_ENDPOINT, warn };
    this.#attempt(path, () => readCredentials(request));
  }

  #attempt(path: YamlPath, read: () => unknown): void {
    try {
      read();
    } catch (error) {
      if (!isCacheError(error)) throw error;
      const [, ...inner] = String(error.facts.key).split(".");
      this.#problems.push(problemOf(error, this.#file, [...path, ...inner]));
    }
  }

  #path(path: YamlPath, value: unknown): SourcedText | undefined {
    if (typeof value !== "string" || value.trim() === "") return undefined;
    return { text: resolvePath(value, this.#context), source: this.#file.placeOf(path) };
  }

  #checkValue(path: YamlPath, value: unknown, schema: z.ZodType): void {
    if (value === null || value === undefined) return;
    const problem = valueProblem(this.#file, path, { value, schema });
    if (problem !== undefined) this.#problems.push(problem);
  }

  #noteMistyped(path: YamlPath, mapping: Mapping, known: readonly string[]): void {
    for (const key of Object.keys(mapping).filter((each) => !known.includes(each))) {
      const closest = closestName(key, known);
      if (closest !== undefined && !Object.hasOwn(mapping, closest))
        this.#problems.push(unknownKeyAt(this.#file, [...path, key], known));
    }
  }

  #mapping(path: YamlPath, value: unknown): Mapping {
    if (value === null || value === undefined) return {};
    if (typeof value === "object" && !Array.isArray(value)) return value as Record<string, unknown>;
    this.#note(path, "must be a mapping of keys to values");
    return {};
  }

  #note(path: YamlPath, reason: string): void {
    this.#problems.push(problemAt(this.#file, path, reason));
  }
}
