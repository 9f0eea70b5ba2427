/**
 * Verifies JSON Web Tokens of an identity provider (OpenID Connect) and returns whom they name.
 *
 * Only signatures with public keys count: `none` and HMAC are no algorithms here. A token must have
 * an expiry. Verified tokens are kept until they expire, by their hash, so that a call with a known
 * token costs a hash; when the provider's keys change, all are verified again.
 * `jose` is loaded with the first token. Source: RFC 7519, RFC 8725.
 */
import { resolve } from "node:path";
import type { JWTVerifyGetKey } from "jose";
import { LIMITS } from "../limits.ts";
import { logFor } from "../log.ts";
import { JwksSource, type KeySet } from "./jwks-source.ts";
import type { JwtSection } from "./jwt-section.ts";
import { digestOf } from "./token-digest.ts";

const log = logFor("access");

/** The code of jose for a token whose key is not in the key set. */
const NO_KEY = "ERR_JWKS_NO_MATCHING_KEY";
const TOKEN = /^[\w-]+\.[\w-]+\.[\w-]+$/;

export interface JwtVerifierOptions {
  /** The directory of the access file. */
  readonly directory: string;
  /** Time in ms since 1970; default `Date.now`. */
  readonly nowMs?: () => number;
}

interface VerifiedToken {
  readonly name: string;
  readonly untilMs: number;
}

/** The keys of the provider, and what they have verified. */
interface Keys {
  readonly keySet: KeySet;
  readonly getKey: JWTVerifyGetKey;
  /** By the SHA-256 of the token, the oldest first. */
  readonly verified: Map<string, VerifiedToken>;
}

/** Whether a bearer token has the form of a JWT. */
export function looksLikeJwt(token: string): boolean {
  return TOKEN.test(token);
}

export class JwtVerifier {
  readonly #section: JwtSection;
  readonly #source: JwksSource;
  readonly #nowMs: () => number;
  #keys: Keys | undefined;

  constructor(section: JwtSection, { directory, nowMs = Date.now }: JwtVerifierOptions) {
    const { jwks_file: file, jwks_url: url } = section;
    this.#section = section;
    this.#nowMs = nowMs;
    const location = url === undefined ? { file: resolve(directory, file ?? "") } : { url };
    this.#source = new JwksSource(location, nowMs);
  }

  /**
   * The value of the identity claim of a valid token; undefined for any other token. Does not
   * reject.
   */
  async verify(token: string): Promise<string | undefined> {
    if (token.length > LIMITS.jwtLengthMax || !looksLikeJwt(token)) return undefined;
    const keySet = await this.#source.current();
    return keySet && (await this.#verify(token, await this.#keysOf(keySet)));
  }

  async #verify(token: string, keys: Keys): Promise<string | undefined> {
    const hash = digestOf(token);
    const known = keys.verified.get(hash);
    if (known !== undefined && known.untilMs > this.#nowMs()) return known.name;
    keys.verified.delete(hash);
    try {
      const verified = await this.#check(token, keys.getKey);
      keep(keys.verified, hash, verified);
      return verified.name;
    } catch (error) {
      const code = codeOf(error);
      const keySet = code === NO_KEY ? await this.#source.newerThan(keys.keySet) : keys.keySet;
      if (keySet !== keys.keySet) return await this.#verify(token, await this.#keysOf(keySet));
      log.debug("token refused", { code, reason: error instanceof Error ? error.message : undefined });
      return undefined;
    }
  }

  /** @throws an error of jose for an invalid token. */
  async #check(token: string, getKey: JWTVerifyGetKey): Promise<VerifiedToken> {
    const { issuer, audience, identity_claim, algorithms, clock_tolerance } = this.#section;
    const { jwtVerify } = await import("jose");
    const { payload } = await jwtVerify(token, getKey, {
      issuer,
      audience,
      algorithms,
      clockTolerance: clock_tolerance / 1000,
      currentDate: new Date(this.#nowMs()),
      requiredClaims: ["exp", identity_claim],
    });
    const name = payload[identity_claim];
    if (typeof name !== "string" || name === "" || name.length > LIMITS.jwtClaimLengthMax) {
      throw new Error(`the claim ${identity_claim} is not the name of an identity`);
    }
    return { name, untilMs: payload.exp! * 1000 + clock_tolerance };
  }

  async #keysOf(keySet: KeySet): Promise<Keys> {
    const { createLocalJWKSet } = await import("jose");
    if (this.#keys?.keySet === keySet) return this.#keys;
    const getKey = createLocalJWKSet({ keys: [...keySet.keys] });
    this.#keys = { keySet, getKey, verified: new Map() };
    return this.#keys;
  }
}

function keep(verified: Map<string, VerifiedToken>, hash: string, token: VerifiedToken): void {
  if (verified.size >= LIMITS.jwtVerifiedMax) verified.delete(verified.keys().next().value!);
  verified.set(hash, token);
}

function codeOf(error: unknown): unknown {
  return typeof error === "object" && error !== null && "code" in error ? error.code : undefined;
}
