/**
 * Identifies callers by the access file: bearer tokens, name and password, client certificates.
 *
 * The header `authorization` decides if it is there, then the certificate; without both, the caller
 * is anonymous, if the file has rules for that. Wrong, expired, revoked and absent credentials get
 * the same answer. The file is read again when it changes; if the new one is wrong, the rules before
 * stay. Cost of a call with a token: one hash and one lookup, without a promise.
 */
import { dirname } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { WatchedFile } from "../config/watched-file.ts";
import { CacheError, isCacheError } from "../errors.ts";
import { LIMITS } from "../limits.ts";
import { logFor } from "../log.ts";
import type { AccessControl, Credentials } from "./access-control.ts";
import { AccessTable } from "./access-table.ts";
import { FailedAttempts } from "./failed-attempts.ts";
import { HandshakeTokens } from "./handshake-tokens.ts";
import type { Identity } from "./identity.ts";
import { JwtVerifier, looksLikeJwt } from "./jwt-verifier.ts";
import { PasswordChecks, type PresentedPassword } from "./password-checks.ts";
import type { QuotaTable } from "./quotas.ts";
import { digestOf } from "./token-digest.ts";

const log = logFor("access");

/** @throws {CacheError} INVALID_CONFIG if the server cannot keep these quotas. */
export type CheckQuotas = (quotas: QuotaTable) => void;

/** Verifies a bearer token that looks like a JSON web token. Undefined if it is not valid. */
export type VerifyJwt = (token: string) => Promise<Identity | undefined>;

export class FileAccess implements AccessControl {
  readonly isOn = true;
  /** Undefined: JSON web tokens are refused. */
  verifyJwt: VerifyJwt | undefined;
  readonly #path: string;
  readonly #watch: WatchedFile;
  readonly #passwords = new PasswordChecks();
  readonly #handshakes = new HandshakeTokens();
  readonly #failures = new FailedAttempts();
  readonly #checkQuotas: CheckQuotas;
  #table: AccessTable;
  #takeQuotas: ((quotas: QuotaTable) => void) | undefined;

  /** Reads the file and watches it. @throws {CacheError} INVALID_CONFIG */
  constructor(path: string, pollMs?: number, checkQuotas: CheckQuotas = () => {}) {
    this.#path = path;
    this.#checkQuotas = checkQuotas;
    // The watch first: a change while the file is read must not be missed.
    this.#watch = new WatchedFile(path, () => this.reload(), pollMs);
    this.#table = this.#read();
    this.#openJwt();
    logTable("access rules read", this.#table);
    this.#watch.start();
  }

  /** The rules as they are now. */
  get table(): AccessTable {
    return this.#table;
  }

  identify({ authorization, certificate, address }: Credentials): Identity | Promise<Identity> {
    if (authorization === undefined) {
      const identity = certificate === undefined ? undefined : this.#table.ofCertificate(certificate);
      return identity ?? this.#table.anonymous ?? refuse();
    }
    const [scheme, value] = splitHeader(authorization);
    if (scheme === "bearer") return this.#ofToken(value, address);
    if (scheme === "basic") return this.#ofBasic(value, address);
    return this.#fail(address, "unknown scheme");
  }

  async issueToken({ authorization = "", address }: Credentials): Promise<string> {
    const [scheme, value] = splitHeader(authorization);
    if (scheme !== "basic") return await this.#fail(address, "no name and password");
    const { name } = await this.#ofBasic(value, address);
    const stored = this.#table.named(name ?? "")?.stored;
    if (name === undefined || stored === undefined) return refuse();
    return this.#handshakes.issue({ name, stored });
  }

  followQuotas(take: (quotas: QuotaTable) => void): void {
    this.#takeQuotas = take;
    take(this.#table.quotas);
  }

  reload(): void {
    const { jwt } = this.#table.file;
    try {
      this.#table = this.#read();
    } catch (error) {
      if (!isCacheError(error)) throw error;
      log.error("access file not usable, the rules before stay", { ...error.facts, reason: error.message });
      return;
    }
    this.#takeQuotas?.(this.#table.quotas);
    // The same section keeps the keys of the provider and the tokens that they verified.
    if (!isDeepStrictEqual(jwt, this.#table.file.jwt)) this.#openJwt();
    this.#handshakes.keep(({ name, stored }) => this.#table.named(name)?.stored === stored);
    logTable("access rules read again", this.#table);
  }

  close(): void {
    this.#watch.stop();
    this.#failures.stop();
  }

  #read(): AccessTable {
    const table = AccessTable.read(this.#path);
    this.#checkQuotas(table.quotas);
    return table;
  }

  #ofToken(token: string, address: string): Identity | Promise<Identity> {
    const digest = digestOf(token);
    const found = this.#table.findToken(digest, Date.now());
    if (found !== undefined) {
      if (!found.isExpired) return found.identity;
      return this.#fail(address, "expired token", { token: found.id, identity: found.identity.name });
    }
    const owner = this.#handshakes.ownerOf(digest);
    const identity = owner && this.#table.named(owner.name);
    if (identity !== undefined && identity.stored === owner?.stored) return identity;
    if (this.verifyJwt !== undefined && looksLikeJwt(token))
      return this.#ofJwt(token, this.verifyJwt, address);
    return this.#fail(address, "unknown token");
  }

  #openJwt(): void {
    const { jwt } = this.#table;
    const verifier = jwt && new JwtVerifier(jwt, { directory: dirname(this.#path) });
    this.verifyJwt = verifier && (async (token) => this.#ofSubject(await verifier.verify(token)));
  }

  /** By the rules as they are now. */
  #ofSubject(subject: string | undefined): Identity | undefined {
    return subject === undefined ? undefined : this.#table.ofSubject(subject);
  }

  async #ofJwt(token: string, verify: VerifyJwt, address: string): Promise<Identity> {
    return (await verify(token)) ?? (await this.#fail(address, "invalid JSON web token"));
  }

  #ofBasic(value: string, address: string): Identity | Promise<Identity> {
    const presented = this.#parseBasic(value);
    if (presented === undefined) return this.#fail(address, "malformed name and password");
    const identity = this.#table.named(presented.name);
    if (identity !== undefined && this.#passwords.isRemembered(presented)) return identity;
    return this.#ofPassword(presented, address);
  }

  async #ofPassword(presented: PresentedPassword, address: string): Promise<Identity> {
    await this.#failures.delayCheck(address);
    const isRight = await this.#passwords.check(presented);
    // The file may have changed meanwhile.
    const identity = this.#table.named(presented.name);
    if (isRight && identity?.stored === presented.stored) return identity!;
    this.#note(address, "wrong name or password");
    return refuse();
  }

  #parseBasic(value: string): PresentedPassword | undefined {
    if (value.length > 2 * LIMITS.passwordBytesMax) return undefined;
    const text = Buffer.from(value, "base64").toString();
    const colon = text.indexOf(":");
    if (colon < 0) return undefined;
    const name = text.slice(0, colon);
    return { name, password: text.slice(colon + 1), stored: this.#table.named(name)?.stored };
  }

  /** Answers a failed attempt late, unless too many wait. */
  async #fail(address: string, reason: string, facts?: Readonly<Record<string, string>>): Promise<never> {
    this.#note(address, reason, facts);
    await this.#failures.delayAnswer(address);
    return refuse();
  }

  /** Logs few of many failures: the first, the second, the fourth, the eighth. */
  #note(address: string, reason: string, facts?: Readonly<Record<string, string>>): void {
    const failures = this.#failures.record(address);
    if ((failures & (failures - 1)) === 0) {
      log.warn("credentials refused", { address, reason, failures, ...facts });
    }
  }
}

/** One text for every reason. @throws {CacheError} UNAUTHENTICATED */
function refuse(): never {
  throw new CacheError("UNAUTHENTICATED");
}

/** The scheme in lower case, and the rest. */
function splitHeader(authorization: string): [scheme: string, value: string] {
  const end = authorization.indexOf(" ");
  if (end < 0) return ["", ""];
  return [authorization.slice(0, end).toLowerCase(), authorization.slice(end + 1).trim()];
}

function logTable(text: string, { file, tokenCount }: AccessTable): void {
  const facts = { identities: file.identities.length, tokens: tokenCount };
  log.info(text, { file: file.path, ...facts, anonymous: file.anonymous !== undefined });
  for (const { text: warning, ...fields } of file.warnings) log.warn(warning, fields);
}
