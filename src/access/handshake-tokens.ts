/**
 * The tokens that the Flight handshake issues for a name and a password. They end with the process.
 *
 * A token is bound to the stored hash of the password: if the identity is removed, or its password
 * changes, the token ends. The number of tokens is bounded, of all and of each identity; one more
 * ends the oldest.
 */
import { LIMITS } from "../limits.ts";
import { digestOf, makeToken, sameDigest } from "./token-digest.ts";

interface HandshakeToken {
  readonly digest: string;
  readonly name: string;
  readonly stored: string;
  readonly endMs: number;
  idleEndMs: number;
}

/** The identity that presented the password, and the stored hash that it had. */
export interface TokenOwner {
  readonly name: string;
  readonly stored: string;
}

export class HandshakeTokens {
  /** By their digests. */
  readonly #tokens = new Map<string, HandshakeToken>();
  /** Digests of the tokens of an identity, the oldest first. */
  readonly #byName = new Map<string, Set<string>>();

  /** @returns the text of a new token */
  issue({ name, stored }: TokenOwner): string {
    const text = makeToken();
    const digest = digestOf(text);
    const nowMs = performance.now();
    const endMs = nowMs + LIMITS.handshakeTokenMsMax;
    const idleEndMs = nowMs + LIMITS.handshakeTokenIdleMs;
    this.#tokens.set(digest, { digest, name, stored, endMs, idleEndMs });
    const own = this.#byName.get(name) ?? new Set();
    this.#byName.set(name, own.add(digest));
    if (own.size > LIMITS.handshakeTokensPerIdentityMax) this.#endFirst(own);
    if (this.#tokens.size > LIMITS.handshakeTokensMax) this.#endFirst(this.#tokens.keys());
    return text;
  }

  /** Whose token has this digest; undefined if there is none that is valid. */
  ownerOf(digest: string): TokenOwner | undefined {
    const token = this.#tokens.get(digest);
    if (token === undefined || !sameDigest(token.digest, digest)) return undefined;
    const nowMs = performance.now();
    if (nowMs >= token.endMs || nowMs >= token.idleEndMs) {
      this.#end(digest);
      return undefined;
    }
    token.idleEndMs = nowMs + LIMITS.handshakeTokenIdleMs;
    return token;
  }

  /** Ends the tokens of identities that are no more, or whose password changed. */
  keep(isValid: (owner: TokenOwner) => boolean): void {
    for (const token of this.#tokens.values()) if (!isValid(token)) this.#end(token.digest);
  }

  #endFirst(digests: Iterable<string>): void {
    for (const digest of digests) {
      this.#end(digest);
      return;
    }
  }

  #end(digest: string): void {
    const name = this.#tokens.get(digest)?.name ?? "";
    this.#tokens.delete(digest);
    const own = this.#byName.get(name);
    own?.delete(digest);
    if (own?.size === 0) this.#byName.delete(name);
  }
}
