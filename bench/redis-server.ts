/**
 * Redis as a peer: found on the PATH or told to be missing, started on a free port of loopback in a directory of the run.
 *
 * Two kinds: without persistence, and with an append-only file that is synced before each answer. Redis cannot take port
 * 0, so a free one is asked for and given back just before; what takes it in between makes the start fail, not the figures.
 */
import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import type { Processes, Server } from "./processes.ts";

const COMMAND = "redis-server";
const READY = /Ready to accept connections/;

export interface RedisOptions {
  readonly directory: string;
  /** True: the append-only file is synced before a put is answered. */
  readonly isDurable: boolean;
}

/** Redis' version; undefined where it is not installed. */
export function redisVersion(): string | undefined {
  const { stdout, error } = spawnSync(COMMAND, ["--version"], { encoding: "utf8" });
  return error === undefined ? /v=(\S+)/.exec(stdout)?.[1] : undefined;
}

async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

export async function startRedis(
  processes: Processes,
  name: string,
  { directory, isDurable }: RedisOptions,
): Promise<Server> {
  mkdirSync(directory);
  const port = await freePort();
  const listening = ["--bind", "127.0.0.1", "--port", `${port}`, "--dir", directory];
  const keeping = isDurable ? ["--appendonly", "yes", "--appendfsync", "always"] : ["--appendonly", "no"];
  const { pid } = await processes.startUntil(READY, COMMAND, [...listening, "--save", "", ...keeping]);
  return { name, address: `127.0.0.1:${port}`, pid };
}
