/**
 * Flight servers as processes of their own that can be killed, stopped in their tracks and started again at the same port:
 * pyarrow's C++ server (python/flight_server.py) and the built cache.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { cleanEnvironment } from "../support/clean-environment.ts";
import { startServer } from "../support/start-server.ts";

const SCRIPT = fileURLToPath(new URL("python/flight_server.py", import.meta.url));

export interface FlightServer {
  /** `grpc://127.0.0.1:PORT` */
  readonly endpoint: string;
  signal(signal: NodeJS.Signals): void;
  /** Kills it; resolves when it is gone. */
  kill(): Promise<void>;
}

/** Starts a server at an endpoint, `grpc://127.0.0.1:0` for a free port. */
export type StartFlightServer = (endpoint: string) => Promise<FlightServer>;

export const FREE_PORT = "grpc://127.0.0.1:0";

/** @param auth how callers say who they are */
export async function startPyarrowServer(
  python: string,
  endpoint: string,
  auth: "none" | "basic" | "payload" = "none",
): Promise<FlightServer> {
  const { port } = new URL(endpoint);
  const child = spawn(python, [SCRIPT, "--port", port, "--auth", auth], {
    env: cleanEnvironment({ PYTHONDONTWRITEBYTECODE: "1" }),
    stdio: ["pipe", "pipe", "pipe"],
  });
  const errors: string[] = [];
  child.stderr.setEncoding("utf8").on("data", (text: string) => errors.push(text));
  const ended = once(child, "exit").then(() => undefined);
  const said = once(createInterface(child.stdout), "line").then(([line]) => String(line));
  const line = await Promise.race([said, ended]);
  const found = /^listening on (\d+)$/.exec(line ?? "")?.[1];
  if (found === undefined) {
    child.kill("SIGKILL");
    throw new Error(`pyarrow's server said ${line} and wrote:\n${errors.join("")}`);
  }
  return { endpoint: `grpc://127.0.0.1:${found}`, ...handleOf(child, ended) };
}

function handleOf(child: ChildProcess, ended: Promise<void>): Pick<FlightServer, "signal" | "kill"> {
  return {
    signal: (signal) => void child.kill(signal),
    kill: async () => {
      child.kill("SIGKILL");
      await ended;
    },
  };
}

export async function startCacheServer(endpoint: string): Promise<FlightServer> {
  const server = await startServer({ storage: "none", endpoint });
  return {
    endpoint: server.endpoint,
    signal: (signal) => void process.kill(server.pid, signal),
    kill: async () => void (await server.stop("SIGKILL")),
  };
}
