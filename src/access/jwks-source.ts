/**
 * The public keys of an identity provider: a JSON Web Key Set in a file or at a URL.
 *
 * Keys stay in use while the provider cannot be reached, up to a day. A token that names an unknown
 * key causes one more read, but not more often than the limits allow: callers choose the names of
 * keys. A read is bounded in time and size, and follows no redirects.
 * Source: RFC 7517.
 */
import type { JWK } from "jose";
import { z } from "zod";
import { readBoundedFile } from "../config/bounded-file.ts";
import { LIMITS } from "../limits.ts";
import { logFor } from "../log.ts";

const log = logFor("access");

/** The keys as one read found them; another object when they have changed. */
export interface KeySet {
  readonly keys: readonly JWK[];
}

export type JwksLocation = { readonly file: string } | { readonly url: URL };

interface Pace {
  /** After this time the keys are read again, while callers still use the old ones. */
  readonly freshMs: number;
  /** The shortest time between two reads. */
  readonly pauseMs: number;
}

const FILE_PACE: Pace = { freshMs: LIMITS.jwksFileFreshMs, pauseMs: LIMITS.jwksFileFreshMs };
const URL_PACE: Pace = { freshMs: LIMITS.jwksUrlFreshMs, pauseMs: LIMITS.jwksUrlPauseMs };

const keySetSchema = z.object({
  keys: z.array(z.looseObject({ kty: z.string() })).max(LIMITS.jwksKeysMax),
});
const PUBLIC_KEY_TYPES = ["RSA", "EC", "OKP"];

export class JwksSource {
  readonly #location: JwksLocation;
  readonly #pace: Pace;
  readonly #nowMs: () => number;
  #keySet: KeySet | undefined;
  #text = "";
  #readMs = Number.NEGATIVE_INFINITY;
  #triedMs = Number.NEGATIVE_INFINITY;
  #reading: Promise<void> | undefined;

  constructor(location: JwksLocation, nowMs: () => number) {
    this.#location = location;
    this.#pace = "file" in location ? FILE_PACE : URL_PACE;
    this.#nowMs = nowMs;
  }

  /** The keys; undefined if they were never read, or too long ago. */
  async current(): Promise<KeySet | undefined> {
    if (this.#keySet === undefined || this.#ageMs > LIMITS.jwksStaleMsMax) await this.#read();
    else if (this.#ageMs >= this.#pace.freshMs) void this.#read();
    return this.#ageMs > LIMITS.jwksStaleMsMax ? undefined : this.#keySet;
  }

  /** Reads again because a key is missing in `keySet`. The same object if there is nothing new. */
  async newerThan(keySet: KeySet): Promise<KeySet> {
    if (this.#keySet === keySet) await this.#read();
    return this.#keySet ?? keySet;
  }

  get #ageMs(): number {
    return this.#nowMs() - this.#readMs;
  }

  /** Does not reject. Does nothing if the last read is too recent. */
  async #read(): Promise<void> {
    const sinceMs = this.#nowMs() - this.#triedMs;
    // A clock that was set back must not stop all reads.
    const isTooSoon = sinceMs >= 0 && sinceMs < this.#pace.pauseMs;
    if (this.#reading === undefined && isTooSoon) return;
    this.#reading ??= this.#readNow().finally(() => {
      this.#reading = undefined;
    });
    await this.#reading;
  }

  async #readNow(): Promise<void> {
    this.#triedMs = this.#nowMs();
    const location = this.#location;
    const place = "file" in location ? location.file : location.url.href;
    try {
      const text = await ("file" in location
        ? readBoundedFile(location.file, LIMITS.jwksBytesMax)
        : fetchText(location.url));
      if (text !== this.#text || this.#keySet === undefined) {
        this.#keySet = parseKeySet(text);
        this.#text = text;
        log.info("keys of the identity provider read", { place, keys: this.#keySet.keys.length });
      }
      this.#readMs = this.#nowMs();
    } catch (error) {
      const consequence = this.#keySet === undefined ? "no token can be verified" : "the old keys stay";
      log.error("keys of the identity provider cannot be read", { place, consequence, error });
    }
  }
}

/** @throws if it is not a key set with a public key. */
function parseKeySet(text: string): KeySet {
  const { keys } = keySetSchema.parse(JSON.parse(text));
  // A symmetric key verifies what it also signs, and a private key does not belong here.
  const publicKeys = keys.filter((key) => PUBLIC_KEY_TYPES.includes(key.kty) && !("d" in key));
  if (publicKeys.length === 0) throw new Error("the key set contains no public key");
  return { keys: publicKeys };
}

async function fetchText(url: URL): Promise<string> {
  const signal = AbortSignal.timeout(LIMITS.jwksFetchTimeoutMs);
  const headers = { accept: "application/json" };
  const response = await fetch(url, { redirect: "error", signal, headers });
  const parts: Uint8Array[] = [];
  let sizeBytes = 0;
  for await (const part of response.body ?? []) {
    parts.push(part);
    sizeBytes += part.length;
    if (sizeBytes > LIMITS.jwksBytesMax) {
      throw new Error(`the answer is larger than ${LIMITS.jwksBytesMax} bytes`);
    }
  }
  if (response.status !== 200) throw new Error(`the answer has status ${response.status}`);
  return Buffer.concat(parts).toString("utf8");
}
