/**
 * Starts the built command as a process of its own on a free port, and stops it by its process id.
 *
 * Ready means that the line `listening on ENDPOINT` came out; what the server logs is kept and told when it fails.
 * Needs a build (`npm run build`). Ports are picked by the server, so that tests can run side by side.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { cleanEnvironment } from "./clean-environment.ts";
import { SERVING_THREADS } from "./serving-threads.ts";
import { type TemporaryDirectory, temporaryDirectory } from "./temporary-directory.ts";

const CLI = fileURLToPath(new URL("../../dist/cli.js", import.meta.url));
const START_MS = 60_000;
const STOP_MS = 30_000;

/** The command line of the built cache, run by the Node that runs the tests. */
export const SERVER_COMMAND: readonly string[] = [process.execPath, CLI];

export interface ServerOptions {
  /** A directory for the objects, or `none`. */
  readonly storage: string;
  readonly endpoint?: string;
  /** Further arguments of `serve`. */
  readonly args?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
}

/** A running server; use it with `await using`, or stop it. */
export class TestServer {
  readonly endpoint: string;
  readonly pid: number;
  readonly #child: ChildProcess;
  readonly #home: TemporaryDirectory;
  readonly #log: readonly string[];

  constructor(endpoint: string, child: ChildProcess, home: TemporaryDirectory, log: readonly string[]) {
    this.endpoint = endpoint;
    this.pid = child.pid ?? 0;
    this.#child = child;
    this.#home = home;
    this.#log = log;
  }

  /** What it has written to standard error so far. */
  get log(): string {
    return this.#log.join("");
  }

  /** Sends a signal (SIGTERM unless told otherwise), waits for the end, and gives the exit code; null after a kill. */
  async stop(signal: NodeJS.Signals = "SIGTERM"): Promise<number | null> {
    try {
      return await endOf(this.#child, signal);
    } finally {
      this.#home.remove();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}

export async function startServer(options: ServerOptions): Promise<TestServer> {
  const home = temporaryDirectory("home");
  const args = [
    "serve",
    "--endpoint",
    options.endpoint ?? "grpc://127.0.0.1:0",
    "--storage",
    options.storage,
  ];
  const [node = "", ...cli] = SERVER_COMMAND;
  const child = spawn(node, [...cli, ...args, ...(options.args ?? [])], {
    // FLAME_HOME is set so that nobody's own configuration is read.
    env: cleanEnvironment({
      FLAME_HOME: home.path,
      FLAME_CACHE_THREADS: `${SERVING_THREADS}`,
      ...options.environment,
    }),
    cwd: home.path,
    stdio: ["ignore", "pipe", "pipe"],
  });
  const log: string[] = [];
  child.stderr.setEncoding("utf8").on("data", (text: string) => log.push(text));
  try {
    return new TestServer(await endpointOf(child, log), child, home, log);
  } catch (error) {
    await endOf(child, "SIGKILL");
    home.remove();
    throw error;
  }
}

/** Waits for the one line on standard output. */
function endpointOf(child: ChildProcess, log: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    let output = "";
    const fail = (reason: string): void =>
      reject(
        new Error(`the server ${reason}; it wrote ${JSON.stringify(output)} and logged:\n${log.join("")}`),
      );
    const timer = setTimeout(() => fail(`was not ready within ${START_MS} ms`), START_MS);
    child.stdout?.setEncoding("utf8").on("data", (text: string) => {
      output += text;
      const endpoint = /^listening on (\S+)\n/.exec(output)?.[1];
      if (endpoint === undefined) return;
      clearTimeout(timer);
      resolve(endpoint);
    });
    child.once("close", (code) => {
      clearTimeout(timer);
      fail(`ended with ${code}`);
    });
  });
}

async function endOf(child: ChildProcess, signal: NodeJS.Signals): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
  const ended = once(child, "exit");
  child.kill(signal);
  const timer = setTimeout(() => child.kill("SIGKILL"), STOP_MS);
  await ended;
  clearTimeout(timer);
  return child.exitCode;
}
