/**
 * Everything that is wrong in an access file that is YAML: what the schema refuses, what it does not
 * see, and unknown keys.
 *
 * No problem contains a value of the file, because somebody may write a password in a wrong place.
 */
import { ACCESS_KEYS, type AccessDocument, accessSchema, type RuleDocument } from "./access-schema.ts";
import type { ConfigWarning } from "./cache-section.ts";
import { closestName } from "./closest-name.ts";
import { formatKey } from "./config-problem.ts";
import type { YamlFile, YamlPath } from "./yaml-file.ts";

/** What the parts of a rule and a password look like. Each returns the rest of "KEY must ...". */
export interface AccessGrammar {
  verbProblem(text: string): string | undefined;
  patternProblem(text: string, identity: string): string | undefined;
  passwordProblem(text: string): string | undefined;
}

/** A part of the file that is wrong. `reason` is the rest of a sentence that begins with its key. */
export interface AccessProblem {
  readonly path: YamlPath;
  readonly reason: string;
}

export interface FoundProblems {
  readonly problems: readonly AccessProblem[];
  readonly warnings: readonly ConfigWarning[];
  /** The section `jwt`, unchecked. */
  readonly jwt: unknown;
}

/** Everything that parseAccessText refuses or warns about in a file that is YAML. */
export function findAccessProblems(file: YamlFile, grammar: AccessGrammar): FoundProblems {
  const { success, data, error } = accessSchema.safeParse(file.value ?? {});
  const problems = success
    ? [...contentProblems(file, data, grammar)]
    : error.issues.map(({ path, message }) => ({ path: path as YamlPath, reason: message }));
  return { problems, warnings: unknownKeys(file, file.value), jwt: mappingOf(file.value).jwt };
}

/** What the schema does not see, in the order of the file's parts. */
export function* contentProblems(
  file: YamlFile,
  document: AccessDocument,
  grammar: AccessGrammar,
): Generator<AccessProblem, void, void> {
  if ((document.identities ?? []).length === 0 && document.anonymous === undefined) {
    yield { path: [], reason: "names no identities; flame-object-cache token create adds one" };
  }
  yield* textProblems(document, grammar);
  yield* duplicates(file, document);
}

function textProblems(document: AccessDocument, grammar: AccessGrammar): readonly AccessProblem[] {
  const problems: AccessProblem[] = [];
  const refuseIf = (reason: string | undefined, path: YamlPath): void => {
    if (reason !== undefined) problems.push({ path, reason });
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
  return problems;
}

/** A credential that is there twice would have two meanings. */
function duplicates(
  file: YamlFile,
  { identities = [], applications = [] }: AccessDocument,
): readonly AccessProblem[] {
  const problems: AccessProblem[] = [];
  const seen = new Map<string, YamlPath>();
  const note = (key: string, path: YamlPath): void => {
    const other = seen.get(key);
    if (other !== undefined) problems.push({ path, reason: `is already used (${file.placeOf(other)})` });
    else seen.set(key, path);
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
  return problems;
}

/** Unknown keys of any value, also one that the schema refuses: a mistyped key is often the reason. */
export function unknownKeys(file: YamlFile, document: unknown): ConfigWarning[] {
  const warnings: ConfigWarning[] = [];
  const check = (value: Mapping, kind: keyof typeof ACCESS_KEYS, path: YamlPath): void => {
    const known: readonly string[] = ACCESS_KEYS[kind];
    for (const key of Object.keys(value).filter((each) => !known.includes(each))) {
      const at = [...path, key];
      const suggestion = closestName(key, known);
      const text = "unknown key in the access file, ignored";
      const warning = { text, key: formatKey(at) ?? key, source: file.placeOf(at) };
      warnings.push(suggestion === undefined ? warning : { ...warning, suggestion });
    }
  };
  const checkAll = (list: unknown, kind: "rule" | "token", path: YamlPath): void => {
    for (const [number, item] of itemsOf(list)) check(item, kind, [...path, number]);
  };
  const root = mappingOf(document);
  check(root, "file", []);
  for (const [index, identity] of itemsOf(root.identities)) {
    const at: YamlPath = ["identities", index];
    check(identity, "identity", at);
    check(mappingOf(identity.quota), "quota", [...at, "quota"]);
    checkAll(identity.rules, "rule", [...at, "rules"]);
    checkAll(identity.tokens, "token", [...at, "tokens"]);
  }
  for (const [index, application] of itemsOf(root.applications)) {
    check(application, "application", ["applications", index]);
    check(mappingOf(application.quota), "quota", ["applications", index, "quota"]);
  }
  const anonymous = mappingOf(root.anonymous);
  check(anonymous, "anonymous", ["anonymous"]);
  checkAll(anonymous.rules, "rule", ["anonymous", "rules"]);
  return warnings;
}

type Mapping = Readonly<Record<string, unknown>>;

/** Empty if it is not a mapping. */
function mappingOf(value: unknown): Mapping {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Mapping) : {};
}

/** The mappings in a list, by their places; none if it is not a list. */
function itemsOf(value: unknown): [number, Mapping][] {
  return Array.isArray(value) ? value.map((item, index) => [index, mappingOf(item)]) : [];
}
