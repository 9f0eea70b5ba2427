/**
 * The processes of a run: servers that say when they listen, and programs that are asked or heard line by line.
 *
 * All of them are stopped by `stopAll`, by their ids, also when the run fails. A child that fails to end on SIGTERM in time is
 * killed, so that a run ends.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";

const LISTENING = /^listening on grpc:\/\/(\S+)$/;
const STOP_GRACE_MS = 15_000;

export interface Server {
  readonly name: string;
  /** `HOST:PORT` */
  readonly address: string;
  readonly pid: number;
}

export interface Started {
  readonly child: ChildProcess;
  readonly pid: number;
  /** What the line that was waited for said. */
  readonly match: RegExpExecArray;
}

export interface StartOptions {
  /** Beside the environment of the run. */
  readonly environment?: Readonly<Record<string, string>>;
}

export class Processes {
  readonly #environment: Readonly<Record<string, string>>;
  readonly #running = new Set<ChildProcess>();
  #isClosed = false;

  constructor(environment: Readonly<Record<string, string>>) {
    this.#environment = environment;
  }

  /** Starts a program; its standard error is ours. @throws {Error} after `close`. */
  start(command: string, args: readonly string[], { environment = {} }: StartOptions = {}): ChildProcess {
    if (this.#isClosed) throw new Error(`${command} is not started: the run is over`);
    const child = spawn(command, args, {
      env: { ...this.#environment, ...environment },
      stdio: ["pipe", "pipe", "inherit"],
    });
    this.#running.add(child);
    child.once("exit", () => this.#running.delete(child));
    return child;
  }

  /** Starts a program and waits for a line of its output that matches. What it prints afterwards is dropped. */
  async startUntil(
    line: RegExp,
    command: string,
    args: readonly string[],
    options: StartOptions = {},
  ): Promise<Started> {
    const child = this.start(command, args, options);
    for await (const text of linesOf(child)) {
      const match = line.exec(text);
      if (match === null) continue;
      child.stdout?.resume();
      return { child, pid: child.pid ?? 0, match };
    }
    throw new Error(`${command} ended before it said ${line}`);
  }

  /** Starts a server and waits until it has said where it listens. */
  async startServer(
    name: string,
    command: string,
    args: readonly string[],
    options: StartOptions = {},
  ): Promise<Server> {
    const { match, pid } = await this.startUntil(LISTENING, command, args, options);
    return { name, address: match[1] ?? "", pid };
  }

  async stopAll(): Promise<void> {
    await Promise.all([...this.#running].map(stop));
  }

  /** Stops all and starts nothing any more: what is under way when a signal comes may be about to. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.stopAll();
  }
}

async function stop(child: ChildProcess): Promise<void> {
  const exit = once(child, "exit");
  child.kill("SIGTERM");
  const timer = setTimeout(() => child.kill("SIGKILL"), STOP_GRACE_MS);
  await exit;
  clearTimeout(timer);
}

/** What a process prints, line by line; fails when it ends with an error. */
export async function* linesOf(child: ChildProcess): AsyncGenerator<string> {
  if (child.stdout === null) throw new Error("a process without standard output has no lines");
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once("exit", resolve);
    child.once("error", reject);
  });
  ended.catch(() => undefined);
  for await (const line of createInterface({ input: child.stdout })) yield line;
  const code = await ended;
  if (code !== 0) throw new Error(`${child.spawnargs.join(" ").slice(0, 200)} ended with ${code}`);
}

/** On SIGINT and SIGTERM: `stop`, then the exit code a shell expects. */
export function stopOnSignals(stop: () => Promise<void>): void {
  for (const [signal, code] of [
    ["SIGINT", 130],
    ["SIGTERM", 143],
  ] as const) {
    process.once(signal, () => void stop().finally(() => process.exit(code)));
  }
}
