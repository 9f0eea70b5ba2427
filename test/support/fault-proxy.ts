/**
 * An HTTP proxy between a replica and its S3 store with seeded faults.
 *
 * A request can be refused before the store sees it (503, 409, reset), lose its answer after it was
 * applied (500, reset), or be applied long after its connection was reset. An answer can be cut, or
 * late. `onStep` sees each request before and after it is applied, and can lose it there.
 * Bodies are held in memory: for small objects.
 */
import { once } from "node:events";
import {
  createServer,
  Agent as HttpAgent,
  request as httpRequest,
  type IncomingMessage,
  type ServerResponse,
} from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { Random } from "./random.ts";

export const PROXY_FAULTS = [
  "503 before",
  "reset before",
  "409 before",
  "applied late",
  "500 after",
  "reset after",
  "cut",
  "slow",
] as const;
export type ProxyFault = (typeof PROXY_FAULTS)[number];

const SLOW_MS = 400;
const LATE_MS = 200;
const LATE_MS_MAX = 1_700;

export interface ProxiedRequest {
  readonly method: string;
  /** With the query. */
  readonly path: string;
  readonly isWrite: boolean;
  readonly isConditional: boolean;
}

export interface FaultProxyOptions {
  /** `http://HOST:PORT` of the store. */
  readonly target: string;
  readonly seed?: number;
  /** Probability of each fault. */
  readonly share?: number;
  /** Added to each request, half of it on the way to the store. */
  readonly latencyMs?: number;
  /** Before the store sees a request, and after it was applied. True: the connection ends. */
  readonly onStep?: (request: ProxiedRequest, moment: "before" | "after") => Promise<boolean> | boolean;
}

interface StoreAnswer {
  readonly status: number;
  readonly headers: IncomingMessage["headers"];
  readonly body: Buffer;
}

export class FaultProxy {
  readonly counts: Partial<Record<ProxyFault, number>> = {};
  share: number;
  /** Requests that arrived. */
  requests = 0;
  /** This many of the next requests are refused with a status and a code. */
  refusals = { count: 0, status: 403, code: "ExpiredToken" };
  readonly #options: FaultProxyOptions;
  readonly #random: Random;
  readonly #agent = new HttpAgent({ keepAlive: true, maxSockets: 128, noDelay: true });
  readonly #server = createServer((request, response) => void this.#serve(request, response));
  #running = 0;

  private constructor(options: FaultProxyOptions) {
    this.#options = options;
    this.share = options.share ?? 0;
    this.#random = new Random(options.seed ?? 1);
  }

  static async start(options: FaultProxyOptions): Promise<FaultProxy> {
    const proxy = new FaultProxy(options);
    proxy.#server.on("clientError", (_, socket) => socket.destroy());
    proxy.#server.listen(0, "127.0.0.1");
    await once(proxy.#server, "listening");
    return proxy;
  }

  get endpoint(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Requests that the store has not answered yet, late ones included. */
  get running(): number {
    return this.#running;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, "close");
    this.#agent.destroy();
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    response.on("error", () => {});
    this.#running += 1;
    try {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      this.requests += 1;
      await this.#answer(request, response, Buffer.concat(chunks));
    } catch {
      reset(response);
    } finally {
      this.#running -= 1;
    }
  }

  async #answer(request: IncomingMessage, response: ServerResponse, body: Buffer): Promise<void> {
    const { method = "", url: path = "", headers } = request;
    const isConditional = headers["if-match"] !== undefined || headers["if-none-match"] !== undefined;
    const proxied = { method, path, isWrite: method !== "GET" && method !== "HEAD", isConditional };
    const { onStep, latencyMs = 0 } = this.#options;
    if (await onStep?.(proxied, "before")) return void response.destroy();
    if (latencyMs > 0) await pause(latencyMs / 2);
    if (this.refusals.count > 0) {
      this.refusals.count -= 1;
      return refuse(response, this.refusals.status, this.refusals.code);
    }
    const fault = this.#fault(proxied);
    if (fault === "503 before") return refuse(response, 503, "SlowDown");
    if (fault === "409 before") return refuse(response, 409, "ConditionalRequestConflict");
    if (fault === "reset before" || fault === "applied late") reset(response);
    if (fault === "reset before") return;
    if (fault === "applied late") await pause(LATE_MS + this.#random.below(LATE_MS_MAX - LATE_MS));
    const answer = await this.#forward(request, body);
    if (await onStep?.(proxied, "after")) return void response.destroy();
    if (latencyMs > 0) await pause(latencyMs / 2);
    if (fault === "slow") await pause(SLOW_MS);
    if (fault === "500 after") return refuse(response, 500, "InternalError");
    if (fault === "reset after") return reset(response);
    if (fault === "cut") return cut(response, answer);
    if (!response.destroyed) response.writeHead(answer.status, answer.headers).end(answer.body);
  }

  #fault({ isWrite, isConditional }: ProxiedRequest): ProxyFault | undefined {
    if (this.share === 0) return undefined;
    const fault = PROXY_FAULTS[Math.floor(this.#random.below(1e6) / 1e6 / this.share)];
    const isOfWrites = fault === "applied late" || fault === "500 after" || fault === "reset after";
    if (isOfWrites && !isWrite) return undefined;
    if (fault === "409 before" && !(isWrite && isConditional)) return undefined;
    if (fault !== undefined) this.counts[fault] = (this.counts[fault] ?? 0) + 1;
    return fault;
  }

  async #forward(request: IncomingMessage, body: Buffer): Promise<StoreAnswer> {
    const { hostname, port } = new URL(this.#options.target);
    const { method, url: path, headers } = request;
    const forwarded = httpRequest({ agent: this.#agent, host: hostname, port, method, path, headers });
    forwarded.end(body);
    const [answer] = (await once(forwarded, "response")) as [IncomingMessage];
    const chunks: Buffer[] = [];
    for await (const chunk of answer) chunks.push(chunk as Buffer);
    return { status: answer.statusCode ?? 502, headers: answer.headers, body: Buffer.concat(chunks) };
  }
}

function reset(response: ServerResponse): void {
  response.socket?.resetAndDestroy();
}

/** An error as S3 writes it. */
function refuse(response: ServerResponse, status: number, code: string): void {
  const body = `<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${code}</Code></Error>`;
  response.writeHead(status, { "content-type": "application/xml", "content-length": body.length }).end(body);
}

/** Half of the body that the headers announce. */
function cut(response: ServerResponse, { status, headers, body }: StoreAnswer): void {
  const { "transfer-encoding": _, ...plain } = headers;
  response.writeHead(status, { ...plain, "content-length": body.length });
  response.write(body.subarray(0, body.length >> 1), () => reset(response));
}
