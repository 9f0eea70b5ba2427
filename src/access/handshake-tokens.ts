/**
 * The tokens that the Flight handshake issues for a name and a password. They end with the process.
 *
 * A token is bound to the stored hash of the password: if the identity is removed, or its password
 * changes, the token ends. The number of tokens is bounded, of all and of each identity; one more
 * ends the oldest.
 */
import { LIMITS } from "../limits.ts";
import { digestOf, makeToken, sameDigest, tableKeyOf } from "./token-digest.ts";

interface HandshakeToken {
  readonly digest: Buffer;
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
  readonly #tokens = new Map<string, HandshakeToken>();
  /** Keys of the tokens of an identity, the oldest first. */
  readonly #byName = new Map<string, Set<string>>();

  /** @returns the text of a new token */
  issue({ name, stored }: TokenOwner): string {
    const text = makeToken();
    const digest = digestOf(text);
    const key = tableKeyOf(digest);
    const nowMs = performance.now();
    const endMs = nowMs + LIMITS.handshakeTokenMsMax;
    const idleEndMs = nowMs + LIMITS.handshakeTokenIdleMs;
    this.#tokens.set(key, { digest, name, stored, endMs, idleEndMs });
    const own = this.#byName.get(name) ?? new Set();
    this.#byName.set(name, own.add(key));
    if (own.size > LIMITS.handshakeTokensPerIdentityMax) this.#endFirst(own);
    if (this.#tokens.size > LIMITS.handshakeTokensMax) this.#endFirst(this.#tokens.keys());
    return text;
  }

  /** Whose token has this digest; undefined if there is none that is valid. */
  ownerOf(digest: Buffer): TokenOwner | undefined {
    const key = tableKeyOf(digest);
    const token = this.#tokens.get(key);
    if (token === undefined || !sameDigest(token.digest, digest)) return undefined;
    const nowMs = performance.now();
    if (nowMs >= token.endMs || nowMs >= token.idleEndMs) {
      this.#end(key);
      return undefined;
    }
    token.idleEndMs = nowMs + LIMITS.handshakeTokenIdleMs;
    return token;
  }

  /** Ends the tokens of identities that are no more, or whose password changed. */
  keep(isValid: (owner: TokenOwner) => boolean): void {
    for (const [key, token] of this.#tokens) if (!isValid(token)) this.#end(key);
  }

  #endFirst(keys: Iterable<string>): void {
    for (const key of keys) {
      this.#end(key);
      return;
    }
  }

  #end(key: string): void {
    const name = this.#tokens.get(key)?.name ?? "";
    this.#tokens.delete(key);
    const own = this.#byName.get(name);
    own?.delete(key);
    if (own?.size === 0) this.#byName.delete(name);
  }
}
