/**
 * A store of S3 whose answers a test writes down: each request takes the next step, the last one stays.
 *
 * What it was sent is kept, bodies too. It checks no signature. Trials of whether it can be reached take no step.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createSecureServer } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import { staticCredentials } from "../../src/s3/credentials/credentials.ts";
import { S3Bucket } from "../../src/s3/s3-bucket.ts";
import type { StoreOptions } from "../../src/s3/store-options.ts";

export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
}

export type Step = (response: ServerResponse, request: SeenRequest) => void;

const TRIAL_PATH = "/box/.reachable";
const DATE = "Sun, 29 Nov 2026 12:00:00 GMT";
export const DATE_MS = Date.UTC(2026, 10, 29, 12);

export interface Reply {
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
}

/** A whole answer. */
export function reply(status: number, { headers = {}, body = "" }: Reply = {}): Step {
  return (response) => {
    response.sendDate = false;
    response.writeHead(status, { date: DATE, "content-length": Buffer.byteLength(body), ...headers });
    response.end(body);
  };
}

/** An error as S3 writes it. */
export function errorReply(
  status: number,
  code: string,
  headers: Readonly<Record<string, string>> = {},
): Step {
  const body = `<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${code}</Code><Message>no</Message></Error>`;
  return reply(status, { headers: { "content-type": "application/xml", ...headers }, body });
}

/** The connection is reset instead of an answer. */
export const reset: Step = (response) => void (response.socket as Socket).resetAndDestroy();

/** There is never an answer. */
export const silence: Step = () => {};

/** The first bytes of a body that was announced longer. */
export function cutReply(status: number, { headers = {}, body = "" }: Reply, sentBytes: number): Step {
  return (response) => {
    response.writeHead(status, { date: DATE, "content-length": Buffer.byteLength(body), ...headers });
    response.write(Buffer.from(body).subarray(0, sentBytes), () => response.socket?.destroy());
  };
}

export class ScriptedStore {
  readonly seen: SeenRequest[] = [];
  /** Trials that it was sent, and its answer to them. */
  trials = 0;
  trialStep: Step = errorReply(404, "NoSuchKey");
  readonly #steps: Step[] = [];
  readonly #buckets: S3Bucket[] = [];
  readonly #server: Server;
  readonly #scheme: "http" | "https";

  private constructor(certificate: { readonly cert: Buffer; readonly key: Buffer } | undefined) {
    this.#scheme = certificate === undefined ? "http" : "https";
    this.#server =
      certificate === undefined ? createServer(this.#take) : createSecureServer(certificate, this.#take);
  }

  readonly #take = (request: IncomingMessage, response: ServerResponse): void => {
    const chunks: Buffer[] = [];
    request.on("error", () => {});
    response.on("error", () => {});
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const { method = "", url: path = "", headers } = request;
      const seen = { method, path, headers, body: Buffer.concat(chunks) };
      if (path === TRIAL_PATH) {
        this.trials += 1;
        this.trialStep(response, seen);
        return;
      }
      this.seen.push(seen);
      const step = this.#steps.length > 1 ? this.#steps.shift() : this.#steps[0];
      step?.(response, seen);
    });
  };

  /** @param certificate for https */
  static async start(certificate?: { readonly cert: Buffer; readonly key: Buffer }): Promise<ScriptedStore> {
    const store = new ScriptedStore(certificate);
    await new Promise<void>((resolve) => store.#server.listen(0, "127.0.0.1", resolve));
    return store;
  }

  get endpoint(): string {
    return `${this.#scheme}://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  answer(...steps: Step[]): void {
    this.#steps.splice(0, Number.POSITIVE_INFINITY, ...steps);
    this.seen.length = 0;
  }

  bucket(options: Partial<StoreOptions> = {}): S3Bucket {
    const credentials = staticCredentials({ accessKeyId: "test", secretAccessKey: "secret" });
    const bucket = new S3Bucket({ bucket: "box", endpoint: this.endpoint, credentials, ...options });
    this.#buckets.push(bucket);
    return bucket;
  }

  async close(): Promise<void> {
    for (const bucket of this.#buckets) bucket.close();
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
