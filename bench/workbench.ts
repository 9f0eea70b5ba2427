/**
 * What a workload works with: directories of the run, Python, and the servers it starts, each from scratch for each workload.
 *
 * The servers of one workload are stopped before the next begins, so that none waits with the memory of another. Everything
 * a run makes lies in its own directories, one on the disk and one in /dev/shm, and goes with it.
 */
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { cleanEnvironment } from "../test/support/clean-environment.ts";
import type { LoadServer, LoadTarget } from "./load/load-task.ts";
import { BARE_HTTP2, CPP_SERVER, REDIS, REDIS_SYNCED } from "./names.ts";
import { Processes, type Server, type StartOptions } from "./processes.ts";
import { type RedisOptions, redisVersion, startRedis } from "./redis-server.ts";

const SHARED_MEMORY = "/dev/shm";
export const CLI_FILE = "dist/cli.js";

/** Whom nobody could ask, and why. */
export interface Absence {
  readonly server: string;
  readonly reason: string;
}

export interface CacheOptions extends StartOptions {
  /** `none`, or `files` in a directory of its own. */
  readonly storage: "none" | "files";
}

export class Workbench {
  readonly python: string;
  /** On the disk. */
  readonly directory: string;
  /** In memory; undefined where the system has no such place. */
  readonly memoryDirectory: string | undefined;
  readonly processes: Processes;
  #directories = 0;
  #isClosed = false;

  /** @param place where on the disk the run's directory is made. */
  constructor(python: string, place: string) {
    this.python = python;
    this.directory = mkdtempSync(join(place, "flame-bench-"));
    this.memoryDirectory = existsSync(SHARED_MEMORY)
      ? mkdtempSync(join(SHARED_MEMORY, "flame-bench-"))
      : undefined;
    this.processes = new Processes(cleanEnvironment({ FLAME_HOME: this.directory }));
  }

  /** A name on the disk that nobody else has. */
  newDirectory(): string {
    this.#directories += 1;
    return join(this.directory, `${this.#directories}`);
  }

  async startCache(name: string, { storage, environment = {} }: CacheOptions): Promise<Server> {
    const place = storage === "none" ? storage : this.newDirectory();
    const args = ["serve", "--endpoint", "grpc://127.0.0.1:0", "--log", "warn", "--storage", place];
    return await this.processes.startServer(name, CLI_FILE, args, { environment });
  }

  async startCppServer(): Promise<Server> {
    return await this.processes.startServer(CPP_SERVER, this.python, ["bench/peer_server.py"]);
  }

  async startBareHttp2(): Promise<Server> {
    const args = ["--import", "tsx", "bench/http2-peer.ts"];
    return await this.processes.startServer(BARE_HTTP2, process.execPath, args);
  }

  /** Redis, or why there is none. */
  async startRedis({ isDurable }: Pick<RedisOptions, "isDurable">): Promise<Server | Absence> {
    const name = isDurable ? REDIS_SYNCED : REDIS;
    if (redisVersion() === undefined) return { server: name, reason: "redis-server is not installed" };
    return await startRedis(this.processes, name, { directory: this.newDirectory(), isDurable });
  }

  /** After a workload: its servers are stopped. */
  async stopServers(): Promise<void> {
    await this.processes.stopAll();
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Stops what runs and removes what was made; may be called again. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.processes.close();
    for (const directory of [this.directory, this.memoryDirectory]) {
      if (directory !== undefined) rmSync(directory, { recursive: true, force: true });
    }
  }
}

export function isAbsent(server: Server | Absence): server is Absence {
  return "reason" in server;
}

export function isPresent(server: Server | Absence): server is Server {
  return !isAbsent(server);
}

/** How the load generator calls a server. */
export function loadServerOf({ name, address, pid }: Server): LoadServer {
  const target: LoadTarget = name.startsWith(REDIS)
    ? { kind: "redis", port: portOf(address) }
    : { kind: "flight", url: `http://${address}` };
  return { name, pid, target };
}

/** How stores.py opens something. */
export interface StoreDescription {
  readonly name: string;
  readonly pid?: number;
  readonly uri?: string;
  readonly port?: number;
  readonly directory?: string;
}

export function storeOf({ name, address, pid }: Server): StoreDescription {
  if (name.startsWith(REDIS)) return { name, pid, port: portOf(address) };
  return { name, pid, uri: `grpc://${address}` };
}

function portOf(address: string): number {
  return Number(address.split(":")[1]);
}
