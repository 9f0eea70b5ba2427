/**
 * An attacker's connections to the admin listener: text goes out as far as the server takes it, and what comes is counted or not
 * read at all.
 */
import { connect, type Socket } from "node:net";
import type { AttackRun, Target } from "./attack-run.ts";
import { peerAddress } from "./raw-connection.ts";

/** Line of a configuration that opens the listener. */
export const ADMIN_LISTENER = "admin: 127.0.0.1:0";

export interface HttpOptions {
  /** Nothing that comes is read. */
  readonly isDeaf?: boolean;
}

export class HttpConnection {
  readonly socket: Socket;
  cameBytes = 0;

  constructor(socket: Socket, { isDeaf = false }: HttpOptions) {
    this.socket = socket;
    socket.on("error", () => undefined);
    if (isDeaf) socket.pause();
    else {
      socket.on("data", (chunk) => {
        this.cameBytes += chunk.length;
      });
    }
  }

  get isClosed(): boolean {
    return this.socket.destroyed || this.socket.readableEnded;
  }

  /** Sends requests and waits until this many bytes have come back, or the connection is closed. */
  async ask(text: string, answerBytesMin: number): Promise<void> {
    const wanted = this.cameBytes + answerBytesMin;
    this.socket.write(text);
    while (!this.isClosed && this.cameBytes < wanted) await eventOf(this.socket, "data");
  }

  /** Sends the same text again and again, as fast as the server takes it, until the attack or the connection is over. */
  async repeat(run: AttackRun, text: string | Buffer, timesMax = Number.POSITIVE_INFINITY): Promise<number> {
    let times = 0;
    while (!run.isOver && !this.isClosed && times < timesMax) {
      times += 1;
      if (this.socket.write(text)) await new Promise((resolve) => void setImmediate(resolve));
      else await eventOf(this.socket, "drain");
    }
    return times;
  }
}

function eventOf(socket: Socket, event: "data" | "drain"): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      socket.off(event, end).off("close", end);
      resolve();
    };
    socket.once(event, end).once("close", end);
  });
}

/** Undefined if the listener does not take it. */
async function openHttp(
  target: Target,
  from: string,
  options: HttpOptions,
): Promise<HttpConnection | undefined> {
  const socket = connect({
    host: target.host,
    port: target.adminPort ?? 0,
    localAddress: from,
    noDelay: true,
  });
  const connection = new HttpConnection(socket, options);
  const isOpen = await new Promise<boolean>((resolve) => {
    socket.once("connect", () => resolve(true)).once("close", () => resolve(false));
  });
  return isOpen ? connection : undefined;
}

/** Many at once, from many peers. */
export async function openManyHttp(
  target: Target,
  count: number,
  options: HttpOptions = {},
): Promise<HttpConnection[]> {
  const opened = await Promise.all(
    Array.from({ length: count }, (_, i) => openHttp(target, peerAddress(i % 64), options)),
  );
  return opened.filter((each) => each !== undefined);
}

/** Head of a request with these headers beside the host. */
export function httpHead(request: string, ...headers: readonly string[]): string {
  return [`${request} HTTP/1.1`, "host: 127.0.0.1", ...headers, "", ""].join("\r\n");
}

/** Complains if a new connection does not get an answer soon. */
export async function complainIfDeaf(run: AttackRun): Promise<void> {
  const [connection] = await openManyHttp(run.target, 1);
  connection?.socket.write(httpHead("GET /healthz"));
  const begunMs = performance.now();
  while ((connection?.cameBytes ?? 0) === 0 && performance.now() - begunMs < 5_000) await run.pause(0.05);
  if ((connection?.cameBytes ?? 0) === 0) run.complain("a new HTTP connection gets no answer within 5 s");
  else run.note(`a new HTTP connection got its answer after ${(performance.now() - begunMs).toFixed(0)} ms`);
  connection?.socket.destroy();
}
