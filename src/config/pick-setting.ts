/**
 * Picks one setting from its four sources, in this order: flag, environment, file, default.
 *
 * In a server inside another program, the file comes before a variable that clients share. The
 * first source that has a value decides, even if that value is wrong: using the next source would
 * hide the mistake.
 */
import type { z } from "zod";
import { assert, CacheError } from "../errors.ts";
import { type CacheSection, sectionPath } from "./cache-section.ts";
import { type Environment, readVariable } from "./flame-home.ts";
import type { ConfigFlags, Setting, SettingWithDefault } from "./settings.ts";

export type SourceKind = "flag" | "environment" | "file" | "default";

export interface SettingSource {
  readonly kind: SourceKind;
  /** `--endpoint`, `FLAME_CACHE_ENDPOINT`, `/etc/flame-cluster.yaml:7` or `default`. */
  readonly place: string;
}

export interface PickedSetting<T> {
  readonly value: T;
  readonly source: SettingSource;
}

export interface SettingSources {
  readonly flags: ConfigFlags;
  readonly env: Environment;
  readonly section: CacheSection | undefined;
  /** See `LoadOptions`. */
  readonly isEmbedded?: boolean;
}

export const DEFAULT_SOURCE: SettingSource = { kind: "default", place: "default" };

/** @throws {CacheError} INVALID_CONFIG naming key, value and source. */
export function pickSetting<T>(setting: SettingWithDefault<T>, sources: SettingSources): PickedSetting<T>;
export function pickSetting<T>(setting: Setting<T>, sources: SettingSources): PickedSetting<T | undefined>;
export function pickSetting<T>(setting: Setting<T>, sources: SettingSources): PickedSetting<T | undefined> {
  const found = findRaw(setting, sources);
  const raw = found?.raw ?? setting.defaultText;
  const source = found?.source ?? DEFAULT_SOURCE;
  if (raw === undefined) return { value: undefined, source };
  return {
    value: readValue(setting.schema, raw, { key: `cache.${setting.key}`, source: source.place }),
    source,
  };
}

interface FoundText {
  readonly raw: unknown;
  readonly source: SettingSource;
}

function findRaw(setting: Setting<unknown>, sources: SettingSources): FoundText | undefined {
  const flagged = setting.flag && sources.flags[setting.flag.name];
  if (setting.flag !== undefined && flagged !== undefined) {
    return { raw: flagged, source: { kind: "flag", place: setting.flag.text } };
  }
  // The variable may be set for clients in the same program.
  const fileGoesFirst = sources.isEmbedded === true && setting.isSharedVariable === true;
  if (fileGoesFirst) return inFile(setting, sources) ?? inEnvironment(setting, sources);
  return inEnvironment(setting, sources) ?? inFile(setting, sources);
}

function inEnvironment({ variable }: Setting<unknown>, { env }: SettingSources): FoundText | undefined {
  const raw = variable && readVariable(env, variable);
  if (variable === undefined || raw === undefined) return undefined;
  return { raw, source: { kind: "environment", place: variable } };
}

function inFile({ key }: Setting<unknown>, { section }: SettingSources): FoundText | undefined {
  const raw = section?.values.get(key);
  if (section === undefined || raw === undefined) return undefined;
  return { raw, source: { kind: "file", place: section.file.placeOf(sectionPath(key)) } };
}

/** Identifies a value in an error. */
export interface ValueName {
  readonly key: string;
  readonly source: string;
}

/** @throws {CacheError} INVALID_CONFIG `KEY REASON: VALUE (SOURCE)` */
export function readValue<T>(schema: z.ZodType<T>, raw: unknown, name: ValueName): T {
  const result = schema.safeParse(raw);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  assert(issue !== undefined, "a failed parse has an issue");
  throw wrongValue(name, raw, issue.message);
}

/**
 * The error of an invalid value. `reason` is the rest of a sentence that begins with the key: "must
 * be ...".
 */
export function wrongValue(name: ValueName, raw: unknown, reason: string): CacheError {
  const value = quoteValue(raw);
  return new CacheError("INVALID_CONFIG", `${name.key} ${reason}: got ${value} (${name.source})`, {
    facts: { key: name.key, value, source: name.source },
  });
}

/** The value as one line of at most 200 characters. */
function quoteValue(raw: unknown): string {
  const text = JSON.stringify(raw) ?? String(raw);
  return text.length > 200 ? `${text.slice(0, 200)}...` : text;
}
