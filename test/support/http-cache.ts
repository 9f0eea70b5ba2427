/**
 * A cache behind an HTTP server on a free port of the loopback, in the test's process, and what tests send to it.
 *
 * Access, bounds and settings can be chosen; the server has the routes of the HTTP API.
 */
import { connect, type Socket } from "node:net";
import { onTestFinished } from "vitest";
import { type AccessControl, OPEN_ACCESS } from "../../src/access/access-control.ts";
import { IndexedCache } from "../../src/cache/indexed-cache.ts";
import { ServerStats } from "../../src/service/admin/server-stats.ts";
import type { CountedServer } from "../../src/service/admin/stats-reading.ts";
import { HttpServer } from "../../src/service/http/http-server.ts";
import { API_ROUTES } from "../../src/service/http-listeners.ts";
import { ServiceContext } from "../../src/service/service-context.ts";
import { DiskStorage } from "../../src/storage/disk/disk-storage.ts";
import { MemoryStorage } from "../../src/storage/memory-storage.ts";
import { temporaryDirectory } from "./temporary-directory.ts";

/** The header of a raw request to a cache of these. */
export const HOST = "host: 127.0.0.1";
export const HTTP_ENDPOINT = "grpc://127.0.0.1:9090";

/** The counts of a gRPC server that nobody calls. */
const NO_CALLS = {} as CountedServer;

export interface HttpCacheOptions {
  /** Where objects are kept; absent: a directory of the test's own; "memory": in memory. */
  readonly storage?: string;
  readonly access?: AccessControl;
  readonly corsOrigins?: readonly string[];
  readonly idleCallMs?: number;
  readonly nowMs?: () => number;
}

export interface HttpCache {
  readonly url: string;
  readonly port: number;
  readonly cache: IndexedCache;
  readonly context: ServiceContext;
  stop(): Promise<void>;
}

/** Started; stopped with the test unless before. */
export async function httpCache(options: HttpCacheOptions = {}): Promise<HttpCache> {
  const { storage = ownDirectory(), access = OPEN_ACCESS, corsOrigins = [], nowMs } = options;
  const engine = storage === "memory" ? new MemoryStorage() : new DiskStorage({ directory: storage });
  const cache = new IndexedCache(engine, { nowMs });
  await cache.start();
  const stopping = new AbortController().signal;
  const context = ServiceContext.open({
    cache,
    endpoint: HTTP_ENDPOINT,
    stopping,
    stats: new ServerStats({ cache, server: NO_CALLS }),
    ...(options.idleCallMs !== undefined && { idleCallMs: options.idleCallMs }),
  });
  const server = new HttpServer({ routes: API_ROUTES, context, access, corsOrigins, tls: undefined });
  const { port } = await server.listen("127.0.0.1", 0);
  let stopped: Promise<void> | undefined;
  const stop = async (): Promise<void> => {
    stopped ??= server.close().then(() => cache.stop());
    await stopped;
  };
  onTestFinished(stop);
  return { url: `http://127.0.0.1:${port}`, port, cache, context, stop };
}

export function ownDirectory(): string {
  const directory = temporaryDirectory("http");
  onTestFinished(() => directory.remove());
  return directory.path;
}

/** A connection on which the lines of a request were sent. */
export function openRaw({ port }: HttpCache, ...lines: readonly string[]): RawConnection {
  const connection = new RawConnection(port);
  connection.send(...lines);
  return connection;
}

/** A connection on which a test writes what it likes. */
export class RawConnection {
  readonly socket: Socket;
  /** All that was received. */
  readonly #chunks: Buffer[] = [];
  readonly #ended: Promise<void>;
  #onData: () => void = () => {};

  constructor(port: number) {
    this.socket = connect(port, "127.0.0.1");
    this.socket.on("data", (chunk) => {
      this.#chunks.push(chunk);
      this.#onData();
    });
    this.#ended = new Promise((resolve) => {
      this.socket.on("close", () => {
        resolve();
        this.#onData();
      });
    });
    this.socket.on("error", () => {});
    onTestFinished(() => void this.socket.destroy());
  }

  get text(): string {
    return Buffer.concat(this.#chunks).toString("latin1");
  }

  send(...lines: readonly string[]): void {
    this.socket.write(`${lines.join("\r\n")}\r\n\r\n`);
  }

  /** Resolves with all that was received, when it matches. @throws if the connection closes before. */
  async received(pattern: RegExp): Promise<string> {
    while (!pattern.test(this.text)) {
      if (this.socket.closed) throw new Error(`closed before ${pattern}: ${JSON.stringify(this.text)}`);
      await new Promise<void>((resolve) => {
        this.#onData = resolve;
      });
    }
    return this.text;
  }

  /** Resolves with all that was received, when the server has closed the connection. */
  async closed(): Promise<string> {
    await this.#ended;
    return this.text;
  }
}
