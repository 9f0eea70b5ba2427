/**
 * `/healthz` and `/readyz` of the admin listener, for probes of containers and load balancers.
 *
 * The process is healthy as long as it answers. It is ready until it begins to stop: calls are
 * answered during the scan of the start. It is not ready while it cannot reach its object store:
 * another server may. A restart would not help, so it stays healthy. Both are public and reveal
 * nothing else.
 */
import type { ServerResponse } from "node:http";
import type { HttpRoute } from "../http/http-call.ts";

export const HEALTH_ROUTES: readonly HttpRoute[] = [
  {
    method: "GET",
    path: "/healthz",
    access: "public",
    handle: ({ response }) => answer(response, 200, "ok"),
  },
  {
    method: "GET",
    path: "/readyz",
    access: "public",
    handle: ({ response, context: { stopping, reach } }) => {
      if (stopping.aborted) return answer(response, 503, "stopping");
      if (reach?.unreachable !== undefined) return answer(response, 503, "the object store is out of reach");
      return answer(response, 200, "ready");
    },
  },
];

function answer(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { "content-type": "text/plain; charset=utf-8", "cache-control": "no-store" });
  response.end(`${text}\n`);
}
