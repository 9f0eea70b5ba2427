/**
 * Changes the access file for the verb `token` and keeps its comments.
 *
 * The new text is checked like the server checks it, written beside the file, synced and renamed:
 * a server never reads half a file. The file beside it also is the lock, so that two commands at
 * once do not lose a change.
 */
import { randomBytes } from "node:crypto";
import {
  closeSync,
  fsyncSync,
  openSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { resolve } from "node:path";
import type { Document, YAMLMap, YAMLSeq } from "yaml";
import { CacheError } from "../errors.ts";
import { type AccessRuleEntry, parseAccessText, readAccessText } from "./access-file.ts";
import type { AccessGrammar } from "./access-problems.ts";
import { type Environment, readVariable } from "./flame-home.ts";
import { SETTINGS } from "./settings.ts";
import { yamlLibrary } from "./yaml-library.ts";

const NEW_FILE =
  "# Who may do what: the rules of each identity, and hashes of its tokens (docs/access.md).\n";
const OWNER_ONLY = 0o600;

/** Whose credentials change. */
export interface EditedIdentity {
  readonly name: string;
  /** For a new identity. An existing one keeps its rules, and must have the same if any are given. */
  readonly rules: readonly AccessRuleEntry[];
}

export interface NewToken {
  /** The SHA-256 of the token, hexadecimal digits. */
  readonly sha256: string;
  readonly name?: string | undefined;
  readonly expiresMs?: number | undefined;
}

/** The path of a flag or of the variable of `serve`. @throws {CacheError} INVALID_CONFIG without both. */
export function accessFilePath(flag: string | undefined, env: Environment = process.env): string {
  const { variable } = SETTINGS.accessFile;
  const path = flag ?? readVariable(env, variable);
  if (path !== undefined) return resolve(path);
  throw new CacheError("INVALID_CONFIG", `--access-file FILE or ${variable} must name the access file`);
}

/**
 * Adds a token, and the identity and the file if they do not exist.
 * @returns the token's id. @throws {CacheError} INVALID_CONFIG
 */
export function addToken(
  path: string,
  identity: EditedIdentity,
  { token, grammar }: { readonly token: NewToken; readonly grammar: AccessGrammar },
): string {
  // A letter first: YAML reads digits as a number.
  const id = `t${randomBytes(4).toString("hex")}`;
  const { sha256, name, expiresMs } = token;
  const entry = {
    id,
    ...(name !== undefined && { name }),
    sha256,
    ...(expiresMs !== undefined && { expires: new Date(expiresMs).toISOString() }),
  };
  edit(path, grammar, (document) => {
    const tokens = sequenceIn(document, identityIn(document, identity), "tokens");
    tokens.add(document.createNode(entry));
  });
  return id;
}

/** Sets the hash of a password. @throws {CacheError} INVALID_CONFIG */
export function setPassword(
  path: string,
  identity: EditedIdentity,
  { stored, grammar }: { readonly stored: string; readonly grammar: AccessGrammar },
): void {
  edit(path, grammar, (document) => identityIn(document, identity).set("password", stored));
}

/** @returns false if no token has this id. @throws {CacheError} INVALID_CONFIG */
export function removeToken(path: string, id: string, grammar: AccessGrammar): boolean {
  let isRemoved = false;
  edit(path, grammar, (document) => {
    for (const { tokens } of identitiesIn(document)) {
      const at = tokens?.items.findIndex((item) => isMapping(item) && item.get("id") === id) ?? -1;
      if (at < 0) continue;
      tokens?.delete(at);
      isRemoved = true;
    }
    return isRemoved;
  });
  return isRemoved;
}

/** @param change may return false to leave the file as it is */
function edit(path: string, grammar: AccessGrammar, change: (document: Document) => unknown): void {
  withLock(path, (write) => {
    const before = readAccessText(path);
    if (before !== undefined) parseAccessText(path, before, grammar);
    const document = yamlLibrary().parseDocument(before ?? NEW_FILE);
    if (change(document) === false) return;
    const after = document.toString({ lineWidth: 0 });
    parseAccessText(path, after, grammar);
    write(after);
  });
}

/** Runs the change with a function that replaces the file. */
function withLock(path: string, change: (write: (text: string) => void) => void): void {
  const { target, mode } = replacedFile(path);
  const beside = `${target}.new`;
  let file: number | undefined;
  try {
    file = openSync(beside, "wx", mode);
    const opened = file;
    let isWritten = false;
    change((text) => {
      writeFileSync(opened, text);
      fsyncSync(opened);
      isWritten = true;
    });
    if (isWritten) renameSync(beside, target);
    else rmSync(beside);
  } catch (cause) {
    if (file !== undefined) rmSync(beside, { force: true });
    throw cause instanceof CacheError ? cause : notWritten(path, beside, cause as NodeJS.ErrnoException);
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

/** The file behind all links, and its mode; of a new file, only its owner may read it. */
function replacedFile(path: string): { readonly target: string; readonly mode: number } {
  try {
    const target = realpathSync(path);
    return { target, mode: statSync(target).mode & 0o777 };
  } catch {
    return { target: path, mode: OWNER_ONLY };
  }
}

function notWritten(path: string, beside: string, cause: NodeJS.ErrnoException): CacheError {
  const reason =
    cause.code === "EEXIST"
      ? `another command is changing it; if none is, remove ${beside}`
      : `this user cannot write it or its directory (${cause.code})`;
  return new CacheError("INVALID_CONFIG", `the access file ${path} was not changed: ${reason}`, {
    cause,
    facts: { source: path },
  });
}

function identityIn(document: Document, { name, rules }: EditedIdentity): YAMLMap {
  const found = identitiesIn(document).find(({ map }) => map.get("name") === name)?.map;
  const written = rules.map(({ effect, verbs, patterns }) => ({ [effect]: verbs, on: patterns }));
  if (found !== undefined) {
    const isSame =
      JSON.stringify(document.toJS().identities[indexOf(document, found)].rules) === JSON.stringify(written);
    if (rules.length === 0 || isSame) return found;
    throw new CacheError(
      "INVALID_CONFIG",
      `${name} already has other rules, which apply to all of its tokens; change them in the file, or leave --allow and --deny out`,
    );
  }
  if (rules.length === 0) {
    throw new CacheError(
      "INVALID_CONFIG",
      `${name} is new and needs rules, such as --allow get,list --on 'app/*', or --allow all --on '*'`,
    );
  }
  const identity = document.createNode({ name, rules: written }) as unknown as YAMLMap;
  for (const rule of (identity.get("rules") as YAMLSeq<YAMLMap>).items) {
    for (const { value } of rule.items) (value as YAMLSeq).flow = true;
  }
  if (!isMapping(document.contents)) document.contents = document.createNode({}) as never;
  sequenceIn(document, document.contents as unknown as YAMLMap, "identities").add(identity);
  return identity;
}

function indexOf(document: Document, identity: YAMLMap): number {
  return (document.get("identities") as YAMLSeq).items.indexOf(identity);
}

interface FoundIdentity {
  readonly map: YAMLMap;
  readonly tokens: YAMLSeq | undefined;
}

function identitiesIn(document: Document): FoundIdentity[] {
  const { isSeq } = yamlLibrary();
  const identities = isMapping(document.contents) ? document.contents.get("identities") : undefined;
  if (!isSeq(identities)) return [];
  return identities.items.filter(isMapping).map((map) => {
    const tokens = map.get("tokens");
    return { map, tokens: isSeq(tokens) ? tokens : undefined };
  });
}

/** The list of this key, which is added if it is missing. */
function sequenceIn(document: Document, map: YAMLMap, key: string): YAMLSeq {
  const found = map.get(key);
  if (yamlLibrary().isSeq(found)) return found;
  const sequence = document.createNode([]) as unknown as YAMLSeq;
  sequence.flow = false;
  map.set(key, sequence);
  return sequence;
}

function isMapping(node: unknown): node is YAMLMap {
  return yamlLibrary().isMap(node);
}
