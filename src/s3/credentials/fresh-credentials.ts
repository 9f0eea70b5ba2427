/**
 * Keeps the credentials of one store fresh: loads them once for all waiting requests, again before
 * they expire, and again when the store refuses them.
 *
 * While the old ones are valid, a refresh does not delay requests, and a failed one is repeated
 * after a pause. Without valid ones a request waits for the refresh, bounded in time.
 */
import { CacheError } from "../../errors.ts";
import { LIMITS } from "../../limits.ts";
import { logFor } from "../../log.ts";
import { type CredentialSource, type Credentials, checkCredentials } from "./credentials.ts";

const log = logFor("s3");

export class FreshCredentials {
  readonly #source: CredentialSource;
  readonly #nowMs: () => number;
  #current: Credentials | undefined;
  #loading: Promise<Credentials> | undefined;
  #failedMs = Number.NEGATIVE_INFINITY;

  constructor(source: CredentialSource, nowMs: () => number = Date.now) {
    this.#source = source;
    this.#nowMs = nowMs;
  }

  /** A promise only if they have to be loaded. @throws {CacheError} STORAGE_UNAVAILABLE */
  current(): Credentials | Promise<Credentials> {
    const now = this.#nowMs();
    const leftMs = (this.#current?.expiresMs ?? Number.POSITIVE_INFINITY) - now;
    if (this.#current === undefined || leftMs <= 0) return this.#load();
    if (leftMs < LIMITS.s3RefreshMs && !this.#isPaused(now)) this.#load().catch(() => {});
    return this.#current;
  }

  /**
   * After the store refused `used`: true if there are others. Does not throw. A source that had none
   * is asked again after a pause, so that refused requests do not wait for it one after the other.
   */
  async replace(used: Credentials): Promise<boolean> {
    if (this.#current === used && !this.#isPaused(this.#nowMs())) {
      await this.#load().catch(() => {});
      if (!this.#differsFrom(used)) this.#failedMs = this.#nowMs();
    }
    return this.#differsFrom(used);
  }

  #isPaused(nowMs: number): boolean {
    return nowMs >= this.#failedMs && nowMs - this.#failedMs < LIMITS.s3RefreshPauseMs;
  }

  #differsFrom(used: Credentials): boolean {
    const current = this.#current;
    return (
      current !== undefined &&
      (current.accessKeyId !== used.accessKeyId ||
        current.secretAccessKey !== used.secretAccessKey ||
        current.sessionToken !== used.sessionToken)
    );
  }

  #load(): Promise<Credentials> {
    this.#loading ??= this.#loadNow().finally(() => {
      this.#loading = undefined;
    });
    return this.#loading;
  }

  async #loadNow(): Promise<Credentials> {
    const { name } = this.#source;
    try {
      const found = checkCredentials(await inTime(this.#source.load()), name);
      if ((found.expiresMs ?? Number.POSITIVE_INFINITY) <= this.#nowMs()) {
        throw new Error("the credentials have expired");
      }
      this.#current = found;
      log.debug("credentials loaded", { source: name, expiresMs: found.expiresMs });
      return found;
    } catch (error) {
      this.#failedMs = this.#nowMs();
      log.error("credentials cannot be loaded", { source: name, error });
      const text = `the credentials of the object store cannot be loaded from ${name}`;
      throw new CacheError("STORAGE_UNAVAILABLE", text, { cause: error });
    }
  }
}

async function inTime(loading: Promise<Credentials>): Promise<Credentials> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    const text = `the source did not answer within ${LIMITS.s3CredentialsMs} ms`;
    timer = setTimeout(() => reject(new Error(text)), LIMITS.s3CredentialsMs);
  });
  return Promise.race([loading, late]).finally(() => clearTimeout(timer));
}
