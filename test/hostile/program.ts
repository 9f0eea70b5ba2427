/**
 * A TypeScript file of this folder as a process of its own, spoken to by messages, and ended by its id.
 *
 * What it writes to standard error is ours. Used with `await using`: nothing is left behind.
 */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

const END_MS = 1_000;

export class Program {
  readonly #child: ChildProcess;
  readonly #file: string;

  constructor(file: string, args: readonly string[]) {
    this.#file = file;
    this.#child = fork(fileURLToPath(new URL(file, import.meta.url)), args, {
      execArgv: ["--import", "tsx"],
      stdio: ["ignore", "ignore", "inherit", "ipc"],
    });
    // A message to a program that has just ended.
    this.#child.on("error", () => undefined);
  }

  get isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  send(message: string): void {
    if (this.#child.connected) this.#child.send(message);
  }

  onMessage<M>(listener: (message: M) => void): void {
    this.#child.on("message", listener as (message: unknown) => void);
  }

  /** The next message that is wanted. @throws {Error} when it does not come in time, or the program ends */
  message<M>(isWanted: (message: M) => boolean, timeoutMs: number): Promise<M> {
    return new Promise((resolve, reject) => {
      const settle = (): void => {
        clearTimeout(timer);
        this.#child.off("message", look).off("exit", ended);
      };
      const look = (message: unknown): void => {
        if (!isWanted(message as M)) return;
        settle();
        resolve(message as M);
      };
      const ended = (code: number | null): void => {
        settle();
        reject(new Error(`${this.#file} ended with ${code}`));
      };
      const timer = setTimeout(() => {
        settle();
        reject(new Error(`${this.#file} did not answer within ${timeoutMs} ms`));
      }, timeoutMs);
      this.#child.on("message", look).on("exit", ended);
    });
  }

  /** Closes its channel, at which it ends itself and what it started; killed when it does not. */
  async end(): Promise<void> {
    if (!this.isRunning) return;
    const ended = once(this.#child, "exit");
    if (this.#child.connected) this.#child.disconnect();
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), END_MS);
    await ended;
    clearTimeout(timer);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end();
  }
}
