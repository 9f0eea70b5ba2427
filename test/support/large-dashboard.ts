/**
 * An admin listener over a cache with many objects, which are put without a network.
 */
import { OPEN_ACCESS } from "../../src/access/access-control.ts";
import { IndexedCache } from "../../src/cache/indexed-cache.ts";
import type { ErrorCode } from "../../src/errors.ts";
import { ServerStats } from "../../src/service/admin/server-stats.ts";
import { HttpServer } from "../../src/service/http/http-server.ts";
import { ADMIN_ROUTES, API_ROUTES } from "../../src/service/http-listeners.ts";
import { ServiceContext } from "../../src/service/service-context.ts";
import { MemoryStorage } from "../../src/storage/memory-storage.ts";
import { putMany } from "./dashboard-objects.ts";

export interface LargeDashboard {
  readonly admin: string;
  /** The session with the most objects. */
  readonly session: string;
  readonly objects: number;
  stop(): Promise<void>;
}

/** A Flight server that nobody calls. */
const NO_SERVER = {
  sessions: 0,
  refusedConnections: 0,
  openCalls: 0,
  traffic: { receivedBytes: 0, sentBytes: 0 },
  memory: { usedBytes: 0, bytesMax: 0 },
  refusals: new Map<ErrorCode, number>(),
};

export async function serveMany(count: number): Promise<LargeDashboard> {
  const cache = new IndexedCache(new MemoryStorage({ bytesMax: 2 ** 30 }));
  await cache.start();
  const largest = await putMany(cache, count);
  const stopping = new AbortController();
  const stats = new ServerStats({ cache, server: NO_SERVER });
  const context = ServiceContext.open({ cache, stats, endpoint: "", stopping: stopping.signal });
  const routes = [...ADMIN_ROUTES, ...API_ROUTES];
  const server = new HttpServer({ routes, context, access: OPEN_ACCESS, tls: undefined });
  const { port } = await server.listen("127.0.0.1", 0);
  return {
    admin: `http://127.0.0.1:${port}`,
    ...largest,
    async stop() {
      stopping.abort();
      await server.close();
      await cache.stop();
    },
  };
}
