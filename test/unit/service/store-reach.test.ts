/**
 * What health checks answer while the store of a server is out of reach.
 */
import type { ServerResponse } from "node:http";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { decodeHealthResponse, encodeHealthRequest } from "../../../src/flight/health.ts";
import type { ServerCall } from "../../../src/grpc/call.ts";
import { HEALTH_ROUTES } from "../../../src/service/admin/health-routes.ts";
import { checkHealth, watchHealth } from "../../../src/service/flight/health.ts";
import type { HttpCall } from "../../../src/service/http/http-call.ts";
import type { ServiceContext } from "../../../src/service/service-context.ts";

const REQUEST = Buffer.from(encodeHealthRequest(""));

/** A store that a test puts out of reach, and a server over it. */
class Reach {
  unreachable: string | undefined;
  readonly listeners = new Set<() => void>();
  readonly stopping = new AbortController();
  readonly context = { stopping: this.stopping.signal, reach: this } as unknown as ServiceContext;

  onChange(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  set(unreachable: string | undefined): void {
    this.unreachable = unreachable;
    for (const listener of [...this.listeners]) listener();
  }

  async get(path: string): Promise<number | undefined> {
    let status: number | undefined;
    const response = { writeHead: (code: number) => (status = code), end: () => {} };
    const call = { response: response as unknown as ServerResponse, context: this.context };
    await HEALTH_ROUTES.find((route) => route.path === path)!.handle(call as unknown as HttpCall);
    return status;
  }

  async check(): Promise<string> {
    return decodeHealthResponse(await checkHealth(this.context, REQUEST));
  }
}

describe("a server whose store is out of reach", () => {
  let reach: Reach;
  beforeEach(() => {
    reach = new Reach();
  });

  it("is healthy and not ready, and does not serve, until the store is back", async () => {
    const states = async () => [await reach.get("/healthz"), await reach.get("/readyz"), await reach.check()];
    expect(await states()).toEqual([200, 200, "serving"]);
    reach.set("connect ECONNREFUSED");
    expect(await states()).toEqual([200, 503, "notServing"]);
    reach.set(undefined);
    expect(await states()).toEqual([200, 200, "serving"]);
  });

  it("says each change once to a call that watches, and forgets the call at its end", async () => {
    const statuses: string[] = [];
    const ended = new AbortController();
    const write = async (chunks: Uint8Array[]) => void statuses.push(decodeHealthResponse(chunks[0]!));
    const call = { mayIdle: () => {}, write, signal: ended.signal } as unknown as ServerCall;
    const watching = watchHealth(reach.context, REQUEST, call);
    const shown = (...expected: string[]) => vi.waitFor(() => expect(statuses).toEqual(expected));
    await shown("serving");
    reach.set("timed out");
    await shown("serving", "notServing");
    reach.set("connect ECONNREFUSED");
    await vi.waitFor(() => expect(reach.listeners.size).toBe(1));
    reach.set(undefined);
    await shown("serving", "notServing", "serving");
    ended.abort(new Error("gone"));
    await expect(watching).rejects.toThrow("gone");
    expect(reach.listeners.size).toBe(0);
  });

  it("ends a call that watches when it stops", async () => {
    const statuses: string[] = [];
    const write = async (chunks: Uint8Array[]) => void statuses.push(decodeHealthResponse(chunks[0]!));
    const signal = new AbortController().signal;
    const watching = watchHealth(reach.context, REQUEST, {
      mayIdle() {},
      write,
      signal,
    } as unknown as ServerCall);
    reach.stopping.abort();
    await watching;
    expect(statuses.at(-1)).toBe("notServing");
  });
});
