/**
 * gRPC calls of the honest client on node:http2: whole requests out, whole answers in, one connection.
 *
 * Apart from src/grpc so that it can come from an address of its own and repeats nothing by itself.
 */
import { type ClientHttp2Session, connect as http2Connect } from "node:http2";
import { connect as tcpConnect } from "node:net";
import { connect as tlsConnect } from "node:tls";
import { encodeTicket } from "../../src/flight/messages.ts";
import { FLIGHT_METHODS } from "../../src/flight/methods.ts";
import { pathDescriptor, valuePut } from "../support/flight-messages.ts";
import type { Target } from "./attack-run.ts";

const WINDOW_BYTES = 2 ** 21;

export class HonestConnection {
  readonly #session: ClientHttp2Session;
  readonly #timeoutMs: number;

  constructor(target: Target, localAddress: string, timeoutMs: number) {
    const { host, port, certificate } = target;
    this.#timeoutMs = timeoutMs;
    this.#session = http2Connect(`${certificate === undefined ? "http" : "https"}://${host}:${port}`, {
      settings: { initialWindowSize: WINDOW_BYTES },
      createConnection: () =>
        certificate === undefined
          ? tcpConnect({ host, port, localAddress, noDelay: true })
          : // `localAddress` is passed on to the socket; the types do not know it.
            tlsConnect({ host, port, localAddress, ca: certificate, ALPNProtocols: ["h2"] } as object),
    });
    // Told by the calls.
    this.#session.on("error", () => undefined);
    this.#session.once("connect", () => this.#session.setLocalWindowSize(4 * WINDOW_BYTES));
  }

  get isUsable(): boolean {
    return !this.#session.closed && !this.#session.destroyed;
  }

  /** @throws {Error} when it is not stored */
  async put(key: string, value: Buffer): Promise<void> {
    await this.#call(FLIGHT_METHODS.DoPut.path, valuePut(pathDescriptor(key), value));
  }

  /** @throws {Error} when the answer does not hold `value` */
  async get(key: string, value: Buffer): Promise<void> {
    const answer = await this.#call(FLIGHT_METHODS.DoGet.path, [Buffer.from(encodeTicket(Buffer.from(key)))]);
    if (answer.length < value.length || !answer.includes(value.subarray(0, 64)))
      throw new Error("wrong bytes");
  }

  /** All objects: the answer's bytes. */
  list(): Promise<Buffer> {
    return this.#call(FLIGHT_METHODS.ListFlights.path, [Buffer.alloc(0)]);
  }

  /** @throws {Error} when there is no such object */
  async find(key: string): Promise<void> {
    await this.#call(FLIGHT_METHODS.GetFlightInfo.path, [Buffer.from(pathDescriptor(key))]);
  }

  /** A put of any messages. */
  async putMessages(messages: readonly Buffer[]): Promise<void> {
    await this.#call(FLIGHT_METHODS.DoPut.path, messages);
  }

  close(): void {
    this.#session.close();
  }

  #call(path: string, messages: readonly Buffer[]): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      // Throws where the session is gone, which rejects.
      const stream = this.#session.request({
        ":method": "POST",
        ":path": path,
        te: "trailers",
        "content-type": "application/grpc",
      });
      const timer = setTimeout(() => {
        stream.close(8);
        reject(new Error(`no answer within ${this.#timeoutMs} ms`));
      }, this.#timeoutMs);
      const chunks: Buffer[] = [];
      let status: string | undefined;
      const takeStatus = (headers: Record<string, unknown>): void => {
        if (headers["grpc-status"] !== undefined)
          status = `status ${headers["grpc-status"]} ${headers["grpc-message"] ?? ""}`.trim();
      };
      stream.on("response", takeStatus).on("trailers", takeStatus);
      stream.on("data", (chunk: Buffer) => chunks.push(chunk));
      stream.on("error", () => undefined);
      stream.on("close", () => {
        clearTimeout(timer);
        if (status === "status 0") resolve(Buffer.concat(chunks));
        else reject(new Error(status ?? `connection lost (${stream.rstCode})`));
      });
      for (const message of messages) {
        const prefix = Buffer.alloc(5);
        prefix.writeUInt32BE(message.length, 1);
        stream.write(prefix);
        stream.write(message);
      }
      stream.end();
    });
  }
}
