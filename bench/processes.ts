/**
 * The processes of a run: servers that say where they listen, and helpers that are asked line by line.
 *
 * All of them are stopped by `stopAll`, also when the run fails.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";

const LISTENING = /^listening on grpc:\/\/(\S+)$/;

export interface Server {
  readonly name: string;
  /** `HOST:PORT` */
  readonly address: string;
  readonly pid: number;
}

export class Processes {
  readonly #environment: Readonly<Record<string, string>>;
  readonly #running = new Set<ChildProcess>();

  constructor(environment: Readonly<Record<string, string>>) {
    this.#environment = environment;
  }

  /** Starts a program; its standard error is ours. */
  start(command: string, args: readonly string[]): ChildProcess {
    const child = spawn(command, args, {
      env: this.#environment,
      stdio: ["pipe", "pipe", "inherit"],
    });
    this.#running.add(child);
    child.once("exit", () => this.#running.delete(child));
    return child;
  }

  /** Starts a server and waits until it has said where it listens. */
  async startServer(name: string, command: string, args: readonly string[]): Promise<Server> {
    const child = this.start(command, args);
    for await (const line of linesOf(child)) {
      const address = LISTENING.exec(line)?.[1];
      if (address !== undefined) return { name, address, pid: child.pid ?? 0 };
    }
    throw new Error(`${name} ended before it listened`);
  }

  async stopAll(): Promise<void> {
    const children = [...this.#running];
    const exits = children.map((child) => once(child, "exit"));
    for (const child of children) child.kill("SIGTERM");
    await Promise.all(exits);
  }
}

/** What a process prints, line by line; fails when it ends with an error. */
export async function* linesOf(child: ChildProcess): AsyncGenerator<string> {
  if (child.stdout === null) throw new Error("a process without standard output has no lines");
  const exit = once(child, "exit");
  for await (const line of createInterface({ input: child.stdout })) yield line;
  const [code] = await exit;
  if (code !== 0) throw new Error(`${child.spawnargs.join(" ").slice(0, 200)} ended with ${code}`);
}
