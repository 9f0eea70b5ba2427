/**
 * The identities of one version of the access file, by their credentials. Immutable.
 *
 * Each identity is one object for the life of the table, so that a context that was made for it can
 * be found again. Cost of a lookup: one access to a map.
 */
import { type AccessFile, type AccessRuleEntry, readAccessFile } from "../config/access-file.ts";
import type { AccessGrammar } from "../config/access-problems.ts";
import { isCacheError } from "../errors.ts";
import type { ClientCertificate } from "../grpc/call.ts";
import { ACCESS_VERBS, AccessPolicy, type AccessRule, type AccessVerb } from "./access-policy.ts";
import type { Identity } from "./identity.ts";
import { type JwtSection, jwtSectionOf } from "./jwt-section.ts";
import { KeyGlob } from "./key-glob.ts";
import { passwordProblem } from "./password.ts";
import type { QuotaTable } from "./quotas.ts";
import { parseDigest, sameDigest } from "./token-digest.ts";

/** An identity of the file with its password. */
export interface NamedIdentity extends Identity {
  readonly name: string;
  /** The text form of the hash; undefined: it has no password. */
  readonly stored: string | undefined;
}

export interface FoundToken {
  readonly id: string;
  readonly identity: NamedIdentity;
  readonly isExpired: boolean;
}

interface KnownToken {
  readonly id: string;
  readonly digest: string;
  readonly expiresMs: number | undefined;
  readonly identity: NamedIdentity;
}

export const ACCESS_GRAMMAR: AccessGrammar = {
  verbProblem: (text) =>
    (ACCESS_VERBS as readonly string[]).includes(text)
      ? undefined
      : `must be one of ${ACCESS_VERBS.join(", ")}`,
  patternProblem: (text, identity) => {
    try {
      KeyGlob.parse(text, identity);
      return undefined;
    } catch (error) {
      if (!isCacheError(error)) throw error;
      return "must be *, app/*, app/session/* or app/session/object, each part with * for any text";
    }
  },
  passwordProblem,
};

export class AccessTable {
  readonly file: AccessFile;
  /** Of callers without credentials; undefined: they are refused. */
  readonly anonymous: Identity | undefined;
  readonly quotas: QuotaTable;
  /** Undefined: JSON web tokens are refused. */
  readonly jwt: JwtSection | undefined;
  readonly #byName = new Map<string, NamedIdentity>();
  /** By their digests. */
  readonly #tokens = new Map<string, KnownToken>();
  readonly #certificates = new Map<string, NamedIdentity>();
  readonly #subjects = new Map<string, NamedIdentity>();

  constructor(file: AccessFile) {
    this.file = file;
    this.anonymous = file.anonymous && {
      name: undefined,
      policy: policyOf(file.anonymous.rules, "anonymous"),
    };
    this.quotas = {
      applications: file.applicationQuotas,
      identities: new Map(file.identities.flatMap(({ name, quota }) => (quota ? [[name, quota]] : []))),
    };
    this.jwt = jwtSectionOf(file);
    for (const { name, rules, tokens, password, certificates, subjects } of file.identities) {
      const identity = { name, policy: policyOf(rules, name), stored: password };
      this.#byName.set(name, identity);
      for (const { id, sha256, expiresMs } of tokens) {
        const digest = parseDigest(sha256);
        this.#tokens.set(digest, { id, digest, expiresMs, identity });
      }
      for (const text of certificates) this.#certificates.set(canonicalSubject(text), identity);
      for (const subject of subjects) this.#subjects.set(subject, identity);
    }
  }

  /** @throws {CacheError} INVALID_CONFIG */
  static read(path: string): AccessTable {
    return new AccessTable(readAccessFile(path, ACCESS_GRAMMAR));
  }

  get tokenCount(): number {
    return this.#tokens.size;
  }

  named(name: string): NamedIdentity | undefined {
    return this.#byName.get(name);
  }

  /** @param nowMs since 1970 */
  findToken(digest: string, nowMs: number): FoundToken | undefined {
    const token = this.#tokens.get(digest);
    if (token === undefined || !sameDigest(token.digest, digest)) return undefined;
    const { id, identity, expiresMs } = token;
    return { id, identity, isExpired: expiresMs !== undefined && nowMs >= expiresMs };
  }

  /** The identity of the first alternative name that is known, or of the common name. */
  ofCertificate({ commonName, alternativeNames }: ClientCertificate): NamedIdentity | undefined {
    for (const name of alternativeNames) {
      const identity = this.#certificates.get(canonicalSubject(name));
      if (identity !== undefined) return identity;
    }
    return commonName === undefined ? undefined : this.#certificates.get(`CN=${commonName}`);
  }

  /** The identity of a JSON web token's subject. */
  ofSubject(subject: string): NamedIdentity | undefined {
    return this.#subjects.get(subject);
  }
}

/** Host names do not distinguish case. */
function canonicalSubject(text: string): string {
  return text.startsWith("DNS:") ? `DNS:${text.slice(4).toLowerCase()}` : text;
}

function policyOf(rules: readonly AccessRuleEntry[], identity: string): AccessPolicy {
  // The grammar has checked the verbs.
  const checked = rules.map((rule): AccessRule => ({ ...rule, verbs: rule.verbs as readonly AccessVerb[] }));
  return new AccessPolicy(checked, identity);
}
