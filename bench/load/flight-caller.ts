/**
 * A Flight client that only counts: one HTTP/2 connection, requests made beforehand, answers looked at for their status alone.
 *
 * As cheap as node:http2 lets it be, so that a server is measured rather than its client.
 */
import { type ClientHttp2Session, connect } from "node:http2";
import type { Caller, LoadObjects } from "./load-task.ts";

const PUT = "/arrow.flight.protocol.FlightService/DoPut";
const GET = "/arrow.flight.protocol.FlightService/DoGet";
/** What the product's own clients open as well: the default of 64 KiB would be what is measured. */
const STREAM_WINDOW_BYTES = 1024 * 1024;
const CONNECTION_WINDOW_BYTES = 2 * STREAM_WINDOW_BYTES;

export interface FlightRequests {
  readonly puts: readonly Buffer[];
  readonly gets: readonly Buffer[];
}

export function flightRequests({ body, keys }: LoadObjects): FlightRequests {
  const batch = Buffer.from(body, "hex");
  return {
    puts: keys.map(({ head }) => Buffer.concat([Buffer.from(head, "hex"), batch])),
    gets: keys.map(({ get }) => Buffer.from(get, "hex")),
  };
}

/** Sent with every call, also to servers without access rules, so that all of them get the same requests. */
const token = process.env.BENCH_TOKEN;
const credentials = token === undefined ? {} : { authorization: `Bearer ${token}` };

export class FlightCaller implements Caller {
  readonly #session: ClientHttp2Session;
  readonly #requests: FlightRequests;

  constructor(url: string, requests: FlightRequests) {
    this.#requests = requests;
    this.#session = connect(url, { settings: { initialWindowSize: STREAM_WINDOW_BYTES } });
    this.#session.once("connect", (session) => session.setLocalWindowSize(CONNECTION_WINDOW_BYTES));
  }

  put(key: number): Promise<void> {
    return this.#call(PUT, this.#requests.puts[key]);
  }

  get(key: number): Promise<void> {
    return this.#call(GET, this.#requests.gets[key]);
  }

  #call(path: string, request: Buffer | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      let status: unknown;
      const stream = this.#session.request({
        ":method": "POST",
        ":path": path,
        "content-type": "application/grpc",
        te: "trailers",
        ...credentials,
      });
      stream.on("response", (headers) => {
        status = headers["grpc-status"];
      });
      stream.on("trailers", (headers) => {
        status = headers["grpc-status"];
      });
      stream.on("error", reject);
      stream.on("close", () => (status === "0" ? resolve() : reject(new Error(`grpc-status ${status}`))));
      stream.resume();
      stream.end(request);
    });
  }

  close(): void {
    this.#session.close();
  }
}
