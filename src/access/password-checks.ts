/**
 * Checks passwords of callers: few at once, off the event loop, and each one rarely.
 *
 * A verified password is remembered for a minute, by a digest of it and a key that only this process
 * knows. The digest covers the stored hash: a changed password counts at the next call. The same
 * password that arrives several times at once is checked once.
 */
import { randomBytes } from "node:crypto";
import { CacheError } from "../errors.ts";
import { LIMITS } from "../limits.ts";
import { matchesPassword } from "./password.ts";
import { digestOf } from "./token-digest.ts";

export interface PresentedPassword {
  readonly name: string;
  readonly password: string;
  /** The stored hash; undefined if there is no such identity, or it has no password. */
  readonly stored: string | undefined;
}

export class PasswordChecks {
  readonly #key = randomBytes(32).toString("base64");
  /** Ends by digest, the oldest first. */
  readonly #remembered = new Map<string, number>();
  readonly #running = new Map<string, Promise<boolean>>();
  readonly #waiting: (() => void)[] = [];
  #runs = 0;

  /** True if this password was verified a short time ago. */
  isRemembered(presented: PresentedPassword): boolean {
    return this.#recall(this.#digestOf(presented));
  }

  /**
   * True if the password is right.
   * @throws {CacheError} OVERLOADED if too many passwords wait for their check.
   */
  async check(presented: PresentedPassword): Promise<boolean> {
    const digest = this.#digestOf(presented);
    if (this.#recall(digest)) return true;
    let running = this.#running.get(digest);
    if (running === undefined) {
      running = this.#run(presented).finally(() => this.#running.delete(digest));
      this.#running.set(digest, running);
    }
    const isRight = await running;
    if (isRight) this.#remember(digest);
    return isRight;
  }

  async #run({ password, stored }: PresentedPassword): Promise<boolean> {
    if (this.#runs >= LIMITS.passwordChecksMax) await this.#turn();
    else this.#runs += 1;
    try {
      return await matchesPassword(password, stored);
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#runs -= 1;
      else next();
    }
  }

  #turn(): Promise<void> {
    if (this.#waiting.length >= LIMITS.passwordsWaitingMax) {
      return Promise.reject(new CacheError("OVERLOADED", "too many passwords are being checked"));
    }
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  #recall(digest: string): boolean {
    return (this.#remembered.get(digest) ?? 0) > performance.now();
  }

  #remember(digest: string): void {
    this.#remembered.delete(digest);
    this.#remembered.set(digest, performance.now() + LIMITS.rememberedPasswordMs);
    if (this.#remembered.size <= LIMITS.rememberedPasswordsMax) return;
    const [oldest] = this.#remembered.keys();
    if (oldest !== undefined) this.#remembered.delete(oldest);
  }

  /** The lengths keep apart what another name and password would join to the same text. */
  #digestOf({ name, password, stored = "" }: PresentedPassword): string {
    return digestOf(`${this.#key}${name.length}:${password.length}:${name}${password}${stored}`);
  }
}
