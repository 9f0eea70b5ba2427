/**
 * Watches a client's connection while calls are open, to detect a lost server sooner than TCP does.
 *
 * A server that was silent for an interval gets a PING. If nothing arrives from it in time, the
 * connection closes for all calls. No PING is sent while bytes arrive, or while no call is open.
 * Most gRPC servers count PINGs if they have sent no data since the last one ("ping strikes"). They
 * tolerate two and close the connection at the third. So after a burst PINGs are minutes apart, and
 * TCP's keepalive watches only the host. A PING five minutes after the last valid one is valid.
 * grpc-java counts these minutes from the start of the connection, even after data, so a young
 * connection has only two. A blocked event loop is not a silent server: the socket is read before
 * the check.
 * Source: grpc/doc/keepalive.md; the strikes in gRFC A8 and A18; KeepAliveEnforcer of grpc-java.
 */
import type { ClientHttp2Session } from "node:http2";
import type { Socket } from "node:net";
import { CacheError } from "../errors.ts";
import { LIMITS } from "../limits.ts";

export interface KeepaliveOptions {
  /** Silence before a PING, milliseconds; default LIMITS.clientKeepaliveIntervalMs. */
  readonly intervalMs?: number;
  /**
   * Time limit for the answer, milliseconds; default LIMITS.clientKeepaliveTimeoutMs. Raise it for
   * slow networks.
   */
  readonly timeoutMs?: number;
  /**
   * Quick PINGs in a row, plus one on a connection of some minutes; default
   * LIMITS.clientKeepaliveBurstMax. Use Infinity for a server that counts no ping strikes, such as
   * the cache.
   */
  readonly burstMax?: number;
}

export class ClientKeepalive {
  readonly #session: ClientHttp2Session;
  readonly #socket: Socket;
  readonly #intervalMs: number;
  readonly #timeoutMs: number;
  readonly #burstMax: number;
  #timer: NodeJS.Timeout | undefined;
  #bytesReadBefore = 0;
  /** PINGs since the server last sent data. */
  #pings = 0;
  /** True while a PING has no answer. */
  #isAsking = false;
  readonly #connectedAt = performance.now();
  #lastPingAt = 0;

  /** @param session connected; `socket` is its socket */
  constructor(session: ClientHttp2Session, socket: Socket, options: KeepaliveOptions) {
    this.#session = session;
    this.#socket = socket;
    this.#intervalMs = options.intervalMs ?? LIMITS.clientKeepaliveIntervalMs;
    this.#timeoutMs = options.timeoutMs ?? LIMITS.clientKeepaliveTimeoutMs;
    this.#burstMax = options.burstMax ?? LIMITS.clientKeepaliveBurstMax;
    socket.setKeepAlive(true, this.#intervalMs);
  }

  /** Starts watching the server. */
  start(): void {
    if (this.#timer !== undefined) return;
    this.#hasRead();
    this.#wait();
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /**
   * Called when the server sent headers or data. The server then resets its count of PINGs, except
   * for one still in flight.
   */
  received(): void {
    this.#pings = this.#isAsking ? 1 : 0;
  }

  #wait(waitMs = this.#intervalMs): void {
    this.#arm(waitMs, () => {
      if (this.#hasRead() || !this.#mayAsk()) this.#wait();
      else this.#ask();
    });
  }

  #mayAsk(): boolean {
    const now = performance.now();
    const isOld = now - this.#connectedAt >= LIMITS.clientKeepaliveSlowIntervalMs;
    return (
      this.#pings < this.#burstMax + (isOld ? 1 : 0) ||
      now - this.#lastPingAt >= LIMITS.clientKeepaliveSlowIntervalMs
    );
  }

  #ask(): void {
    this.#pings++;
    this.#isAsking = true;
    this.#lastPingAt = performance.now();
    this.#awaitAnswer();
    const waiting = this.#timer;
    this.#session.ping((error) => {
      this.#isAsking = false;
      if (error !== null || this.#timer !== waiting) return;
      this.#hasRead();
      // The server was just alive: spread the rest of the burst over a longer time.
      this.#wait(2 * this.#intervalMs);
    });
  }

  #awaitAnswer(): void {
    const due = performance.now() + this.#timeoutMs;
    this.#arm(this.#timeoutMs, () => {
      if (this.#hasRead()) this.#wait();
      else if (performance.now() > due + this.#intervalMs) this.#awaitAnswer();
      else this.#giveUp();
    });
  }

  #giveUp(): void {
    this.stop();
    const facts = { isSilent: true };
    this.#session.destroy(new CacheError("UNREACHABLE", "the server stopped answering", { facts }));
    // Unsent data would keep the socket open for minutes.
    this.#socket.destroy();
  }

  /** Runs `check` after the wait, and after the socket has been read. */
  #arm(waitMs: number, check: () => void): void {
    clearTimeout(this.#timer);
    const timer = setTimeout(() => {
      setImmediate(() => {
        if (this.#timer === timer && !this.#session.destroyed) check();
      });
    }, waitMs).unref();
    this.#timer = timer;
  }

  /** True if bytes have arrived since the previous call. */
  #hasRead(): boolean {
    const { bytesRead } = this.#socket;
    const hasRead = bytesRead !== this.#bytesReadBefore;
    this.#bytesReadBefore = bytesRead;
    return hasRead;
  }
}
