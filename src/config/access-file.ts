/**
 * Reads the access file: identities with their rules and credentials.
 *
 * The file is read whole and is bounded. Secrets in it are hashes; nevertheless no error contains a
 * value, because somebody may write a password in a wrong place. What a verb, a pattern and a
 * password text are is the business of the caller, who passes a grammar.
 * @see docs/access.md
 */
import { readFileSync, statSync } from "node:fs";
import { CacheError } from "../errors.ts";
import { LIMITS } from "../limits.ts";
import {
  ACCESS_KEYS,
  type AccessDocument,
  accessSchema,
  type IdentityDocument,
  type RuleDocument,
} from "./access-schema.ts";
import type { ConfigWarning } from "./cache-section.ts";
import { closestName } from "./closest-name.ts";
import { type QuotaEntry, quotaOf } from "./quota-schema.ts";
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

/** What the parts of a rule and a password look like. Each returns the rest of "KEY must ...". */
export interface AccessGrammar {
  verbProblem(text: string): string | undefined;
  patternProblem(text: string, identity: string): string | undefined;
  passwordProblem(text: string): string | undefined;
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
  if ((document.identities ?? []).length === 0 && document.anonymous === undefined) {
    throw wrong(file, [], "names no identities; flame-object-cache token create adds one");
  }
  checkTexts(file, document, grammar);
  checkUnique(file, document);
  return {
    path,
    identities: (document.identities ?? []).map(identityOf),
    applicationQuotas: new Map(
      (document.applications ?? []).map(({ name, quota }) => [name, quotaOf(quota)]),
    ),
    anonymous: document.anonymous && { rules: document.anonymous.rules.map(ruleOf) },
    jwt: document.jwt,
    warnings: warningsOf(file, document),
    placeOf: (at) => file.placeOf(at),
  };
}

/** The text of the file; undefined if there is none. @throws {CacheError} INVALID_CONFIG */
export function readAccessText(path: string): string | undefined {
  try {
    const facts = statSync(path);
    if (!facts.isFile()) throw unreadable(path, "is not a file");
    if (facts.size > LIMITS.accessFileBytesMax) {
      throw unreadable(path, `is larger than ${LIMITS.accessFileBytesMax} bytes; remove expired tokens`);
    }
    return readFileSync(path, "utf8");
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

function checkTexts(file: YamlFile, document: AccessDocument, grammar: AccessGrammar): void {
  const refuseIf = (problem: string | undefined, path: YamlPath): void => {
    if (problem !== undefined) throw wrong(file, path, problem);
  };
  const checkRules = (rules: readonly RuleDocument[], path: YamlPath, identity: string): void => {
    for (const [index, rule] of rules.entries()) {
      const effect = rule.allow === undefined ? "deny" : "allow";
      for (const [at, verb] of (rule[effect] ?? []).entries()) {
        refuseIf(grammar.verbProblem(verb), [...path, index, effect, at]);
      }
      for (const [at, pattern] of rule.on.entries()) {
        refuseIf(grammar.patternProblem(pattern, identity), [...path, index, "on", at]);
      }
    }
  };
  for (const [index, { name, rules = [], password }] of (document.identities ?? []).entries()) {
    checkRules(rules, ["identities", index, "rules"], name);
    const problem = password === undefined ? undefined : grammar.passwordProblem(password);
    refuseIf(problem, ["identities", index, "password"]);
  }
  checkRules(document.anonymous?.rules ?? [], ["anonymous", "rules"], "anonymous");
}

/** A credential that is there twice would have two meanings. */
function checkUnique(file: YamlFile, { identities = [], applications = [] }: AccessDocument): void {
  const seen = new Map<string, YamlPath>();
  const note = (key: string, path: YamlPath): void => {
    const other = seen.get(key);
    if (other !== undefined) throw wrong(file, path, `is already used (${file.placeOf(other)})`);
    seen.set(key, path);
  };
  for (const [index, { name }] of applications.entries())
    note(`application ${name}`, ["applications", index, "name"]);
  for (const [index, { name, tokens = [], certificates = [], jwt = [] }] of identities.entries()) {
    const at: YamlPath = ["identities", index];
    note(`name ${name}`, [...at, "name"]);
    for (const [number, { id, sha256 }] of tokens.entries()) {
      note(`id ${id}`, [...at, "tokens", number, "id"]);
      note(`sha256 ${sha256.toLowerCase()}`, [...at, "tokens", number, "sha256"]);
    }
    for (const [number, text] of certificates.entries())
      note(`certificate ${text}`, [...at, "certificates", number]);
    for (const [number, subject] of jwt.entries()) note(`jwt ${subject}`, [...at, "jwt", number]);
  }
}

function warningsOf(file: YamlFile, document: AccessDocument): ConfigWarning[] {
  const warnings: ConfigWarning[] = [];
  const check = (value: object, kind: keyof typeof ACCESS_KEYS, path: YamlPath): void => {
    const known: readonly string[] = ACCESS_KEYS[kind];
    for (const key of Object.keys(value).filter((each) => !known.includes(each))) {
      const at = [...path, key];
      const suggestion = closestName(key, known);
      const text = "unknown key in the access file, ignored";
      const warning = { text, key: formatPath(at), source: file.placeOf(at) };
      warnings.push(suggestion === undefined ? warning : { ...warning, suggestion });
    }
  };
  check(document, "file", []);
  for (const [index, identity] of (document.identities ?? []).entries()) {
    const at: YamlPath = ["identities", index];
    check(identity, "identity", at);
    if (identity.quota !== undefined) check(identity.quota, "quota", [...at, "quota"]);
    for (const [number, rule] of (identity.rules ?? []).entries())
      check(rule, "rule", [...at, "rules", number]);
    for (const [number, token] of (identity.tokens ?? []).entries())
      check(token, "token", [...at, "tokens", number]);
  }
  for (const [index, application] of (document.applications ?? []).entries()) {
    check(application, "application", ["applications", index]);
    check(application.quota, "quota", ["applications", index, "quota"]);
  }
  if (document.anonymous !== undefined) check(document.anonymous, "anonymous", ["anonymous"]);
  for (const [number, rule] of (document.anonymous?.rules ?? []).entries())
    check(rule, "rule", ["anonymous", "rules", number]);
  return warnings;
}

/** `identities[0].tokens[1].sha256` */
export function formatPath(path: YamlPath): string {
  const text = path.map((step) => (typeof step === "number" ? `[${step}]` : `.${step}`)).join("");
  return text.replace(/^\./, "");
}

function wrong(file: YamlFile, path: YamlPath, reason: string): CacheError {
  const key = path.length === 0 ? "the access file" : formatPath(path);
  const source = file.placeOf(path);
  return new CacheError("INVALID_CONFIG", `${key} ${reason} (${source})`, { facts: { key, source } });
}
