/**
 * Runs the built command as a process of its own with everything it writes kept apart by stream, and signals it by its id.
 *
 * For tests of the command itself; tests that only need a server use start-server. Needs a build (`npm run build`).
 */
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { cleanEnvironment } from "./clean-environment.ts";

const CLI = fileURLToPath(new URL("../../dist/cli.js", import.meta.url));
const WAIT_MS = 30_000;

export interface CommandOptions {
  /** Also FLAME_HOME, so that nobody's own configuration is read. */
  readonly directory: string;
  readonly environment?: Readonly<Record<string, string>>;
}

/** A running command; use it with `await using`, or await `ended`. */
export class RunningCommand {
  stdout = "";
  stderr = "";
  /** The exit code; null after a signal that was not handled. */
  readonly ended: Promise<number | null>;
  readonly #child: ChildProcessWithoutNullStreams;

  constructor(child: ChildProcessWithoutNullStreams) {
    this.#child = child;
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      this.stdout += text;
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      this.stderr += text;
    });
    this.ended = once(child, "close").then(([code]) => code as number | null);
  }

  /** Waits until a stream holds what the pattern matches, and gives the match. @throws when the command ends before. */
  async wrote(stream: "stdout" | "stderr", pattern: RegExp): Promise<RegExpExecArray> {
    const deadline = AbortSignal.timeout(WAIT_MS);
    for (;;) {
      const match = pattern.exec(this[stream]);
      if (match !== null) return match;
      const next = once(this.#child[stream], "data", { signal: deadline }).then(() => true);
      const isAlive = await Promise.race([next, this.ended.then(() => false)]);
      if (!isAlive)
        throw new Error(`ended without ${pattern}: ${JSON.stringify([this.stdout, this.stderr])}`);
    }
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  get pid(): number {
    return this.#child.pid!;
  }

  /** Stops reading one of its streams, as a reader that went away. */
  closeStream(stream: "stdout" | "stderr"): void {
    this.#child[stream].destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.ended;
  }
}

export function startCommand(args: readonly string[], options: CommandOptions): RunningCommand {
  const child = spawn(process.execPath, [CLI, ...args], {
    env: cleanEnvironment({ FLAME_HOME: options.directory, ...options.environment }),
    cwd: options.directory,
    stdio: "pipe",
  });
  return new RunningCommand(child);
}
