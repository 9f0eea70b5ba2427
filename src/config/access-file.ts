/**
 * Reads the access file: identities with their rules and credentials.
 *
 * The file is read whole and is bounded. Secrets in it are hashes; nevertheless no error contains a
 * value, because somebody may write a password in a wrong place. What a verb, a pattern and a
 * password text are is the business of the caller, who passes a grammar.
 * @see docs/access.md
 */
import { CacheError } from "../errors.ts";
import { LIMITS } from "../limits.ts";
import { type AccessGrammar, contentProblems, unknownKeys } from "./access-problems.ts";
import { accessSchema, type IdentityDocument, type RuleDocument } from "./access-schema.ts";
import type { ConfigWarning } from "./cache-section.ts";
import { formatKey } from "./config-problem.ts";
import { type QuotaEntry, quotaOf } from "./quota-schema.ts";
import { readTextFile } from "./read-text-file.ts";
import { parseYamlText, type YamlFile, type YamlPath } from "./yaml-file.ts";

export interface AccessRuleEntry {
  readonly effect: "allow" | "deny";
  readonly verbs: readonly string[];
  readonly patterns: readonly string[];
}

export interface TokenEntry {
  readonly id: string;
  /** The SHA-256 of the token, lower-case hexadecimal digits. */
  readonly sha256: string;
  readonly name: string | undefined;
  /** ms since 1970; undefined: never. */
  readonly expiresMs: number | undefined;
}

export interface IdentityEntry {
  readonly name: string;
  readonly rules: readonly AccessRuleEntry[];
  readonly tokens: readonly TokenEntry[];
  /** The text form of the hash; undefined: the identity has no password. */
  readonly password: string | undefined;
  /** `CN=NAME`, `DNS:NAME` or `URI:TEXT`. */
  readonly certificates: readonly string[];
  /** Subjects of JSON web tokens. */
  readonly subjects: readonly string[];
  readonly quota: QuotaEntry | undefined;
}

export interface AccessFile {
  readonly path: string;
  readonly identities: readonly IdentityEntry[];
  /** By application id, or `*`. */
  readonly applicationQuotas: ReadonlyMap<string, QuotaEntry>;
  /** Of callers without credentials; undefined: they are refused. */
  readonly anonymous: { readonly rules: readonly AccessRuleEntry[] } | undefined;
  /** The section `jwt`, unchecked. */
  readonly jwt: unknown;
  readonly warnings: readonly ConfigWarning[];
  /** `FILE:LINE` of a part of the file. */
  placeOf(path: YamlPath): string;
}

/** @throws {CacheError} INVALID_CONFIG naming the key, FILE:LINE and what is expected. */
export function readAccessFile(path: string, grammar: AccessGrammar): AccessFile {
  const text = readAccessText(path);
  if (text === undefined)
    throw unreadable(path, "does not exist; flame-object-cache token create writes one");
  return parseAccessText(path, text, grammar);
}

/** @throws {CacheError} INVALID_CONFIG like readAccessFile. */
export function parseAccessText(path: string, text: string, grammar: AccessGrammar): AccessFile {
  const file = parseYamlText(path, text, { isSecret: true });
  const parsed = accessSchema.safeParse(file.value ?? {});
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw wrong(file, (issue?.path ?? []) as YamlPath, issue?.message ?? "is wrong");
  }
  const document = parsed.data;
  const [problem] = contentProblems(file, document, grammar);
  if (problem !== undefined) throw wrong(file, problem.path, problem.reason);
  return {
    path,
    identities: (document.identities ?? []).map(identityOf),
    applicationQuotas: new Map(
      (document.applications ?? []).map(({ name, quota }) => [name, quotaOf(quota)]),
    ),
    anonymous: document.anonymous && { rules: document.anonymous.rules.map(ruleOf) },
    jwt: document.jwt,
    warnings: unknownKeys(file, document),
    placeOf: (at) => file.placeOf(at),
  };
}

/** The text of the file; undefined if there is none. @throws {CacheError} INVALID_CONFIG */
export function readAccessText(path: string): string | undefined {
  try {
    const file = readTextFile(path, LIMITS.accessFileBytesMax);
    if ("text" in file) return file.text;
    if (file.problem !== "too large") throw unreadable(path, "is not a file");
    throw unreadable(path, `is larger than ${LIMITS.accessFileBytesMax} bytes; remove expired tokens`);
  } catch (cause) {
    if (cause instanceof CacheError) throw cause;
    const { code } = cause as NodeJS.ErrnoException;
    if (code === "ENOENT") return undefined;
    throw unreadable(
      path,
      `cannot be read (${code}); the user who runs the server must be able to read it`,
      cause,
    );
  }
}

function unreadable(path: string, reason: string, cause?: unknown): CacheError {
  const facts = { source: path };
  return new CacheError("INVALID_CONFIG", `the access file ${path} ${reason}`, { facts, cause });
}

function identityOf(entry: IdentityDocument): IdentityEntry {
  const { name, rules = [], tokens = [], password, certificates = [], jwt = [], quota } = entry;
  return {
    name,
    rules: rules.map(ruleOf),
    tokens: tokens.map(({ id, sha256, name: label, expires }) => ({
      id,
      sha256: sha256.toLowerCase(),
      name: label,
      expiresMs: expires,
    })),
    password,
    certificates,
    subjects: jwt,
    quota: quota && quotaOf(quota),
  };
}

function ruleOf({ allow, deny, on }: RuleDocument): AccessRuleEntry {
  return { effect: allow === undefined ? "deny" : "allow", verbs: allow ?? deny ?? [], patterns: on };
}

function wrong(file: YamlFile, path: YamlPath, reason: string): CacheError {
  const key = formatKey(path) ?? "the access file";
  const source = file.placeOf(path);
  return new CacheError("INVALID_CONFIG", `${key} ${reason} (${source})`, { facts: { key, source } });
}
