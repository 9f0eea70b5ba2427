/**
 * Reads section `cache` of flame-cluster.yaml: checks its shape and returns its values by dotted
 * key.
 *
 * The other sections belong to other services and are ignored. An unknown key under `cache` is a
 * warning, not an error, because the file may be shared with a newer release.
 */
import { CacheError } from "../errors.ts";
import { closestName } from "./closest-name.ts";
import { SETTINGS } from "./settings.ts";
import type { YamlFile, YamlPath } from "./yaml-file.ts";

/** A key that was ignored. `text` is constant; the rest are fields for the log. */
export interface ConfigWarning {
  readonly text: string;
  readonly key: string;
  readonly source: string;
  readonly suggestion?: string;
}

export interface CacheSection {
  readonly file: YamlFile;
  /** Values by dotted key. Keys that are missing or null are absent. */
  readonly values: ReadonlyMap<string, unknown>;
  readonly warnings: readonly ConfigWarning[];
}

const SECTION = "cache";
const KNOWN_KEYS: readonly string[] = Object.values(SETTINGS).map((setting) => setting.key);
const KNOWN_GROUPS: readonly string[] = [
  ...new Set(KNOWN_KEYS.filter((key) => key.includes(".")).map((key) => key.split(".")[0]!)),
];

/**
 * @param report gets each error instead of the caller; the section then lacks what is wrong
 * @throws {CacheError} INVALID_CONFIG when the file, the section or a group in it is not a mapping.
 */
export function readCacheSection(file: YamlFile, report: Report = refuse): CacheSection {
  const values = new Map<string, unknown>();
  const warnings: ConfigWarning[] = [];
  const mapping = (path: YamlPath, value: unknown) => mappingAt(file, path, { value, report });
  const root = mapping([], file.value);
  for (const [name, value] of mapping([SECTION], root.get(SECTION))) {
    // "eviction.policy" written as one name is not a path: it is unknown, and the path is
    // suggested.
    const isGroup = KNOWN_GROUPS.includes(name);
    if (!isGroup) note(name.includes(".") ? JSON.stringify(name) : name, value);
    if (!isGroup) continue;
    for (const [inner, innerValue] of mapping([SECTION, name], value)) {
      note(`${name}.${inner}`, innerValue);
    }
  }
  return { file, values, warnings };

  function note(key: string, value: unknown): void {
    if (!KNOWN_KEYS.includes(key)) warnings.push(unknownKey(file, key));
    else if (value !== null && value !== undefined) values.set(key, value);
  }
}

export function sectionPath(key: string): YamlPath {
  return [SECTION, ...key.split(".")];
}

type Report = (error: CacheError, path: YamlPath) => void;

function refuse(error: CacheError): never {
  throw error;
}

function mappingAt(
  file: YamlFile,
  path: YamlPath,
  { value, report }: { readonly value: unknown; readonly report: Report },
): ReadonlyMap<string, unknown> {
  if (value === null || value === undefined) return new Map();
  if (typeof value === "object" && !Array.isArray(value)) return new Map(Object.entries(value));
  const source = file.placeOf(path);
  const key = path.join(".");
  const subject = key === "" ? "the file" : key;
  const text = `${subject} must be a mapping of keys to values (${source})`;
  report(new CacheError("INVALID_CONFIG", text, { facts: { key, source } }), path);
  return new Map();
}

function unknownKey(file: YamlFile, key: string): ConfigWarning {
  const suggestion = suggestKey(key);
  return {
    text: "unknown configuration key, ignored",
    key: `${SECTION}.${key}`,
    source: file.placeOf(sectionPath(key)),
    ...(suggestion === undefined ? {} : { suggestion: `${SECTION}.${suggestion}` }),
  };
}

/** A known key with the same last name in another group, or with a similar spelling. */
function suggestKey(written: string): string | undefined {
  const key = written.replaceAll('"', "");
  const lastName = key.split(".").at(-1);
  const sameName = KNOWN_KEYS.find((known) => known.split(".").at(-1) === lastName);
  return sameName ?? closestName(key, [...KNOWN_KEYS, ...KNOWN_GROUPS]) ?? closestOfLastNames(lastName);
}

function closestOfLastNames(lastName: string | undefined): string | undefined {
  const lastNames = KNOWN_KEYS.map((known) => known.split(".").at(-1)!);
  const closest = closestName(lastName ?? "", lastNames);
  return closest === undefined ? undefined : KNOWN_KEYS[lastNames.indexOf(closest)];
}
