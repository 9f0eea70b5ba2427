/**
 * Watches one connection: how often its peer sends costly frames, and whether the peer is alive.
 *
 * In HTTP/2 a peer can cause work with frames that cost it nothing: streams that it opens and
 * resets at once (CVE-2023-44487) or breaks so that we reset them (CVE-2025-8671), PING
 * (CVE-2019-9512), SETTINGS (CVE-2019-9515), PRIORITY (CVE-2019-9513), empty DATA (CVE-2019-9518).
 * Each is counted per second; over its limit the connection ends with ENHANCE_YOUR_CALM. A silent
 * connection is pinged, and closed if it stays silent.
 * Cost: one timer per connection, one addition per message.
 */
import type { Socket } from "node:net";
import { LIMITS } from "../limits.ts";
import { logFor } from "../log.ts";
import { Http2Error } from "./http2-error.ts";

const log = logFor("grpc");

/** Bytes that we sent per PING, and per WINDOW_UPDATE, that the peer may send. */
const BYTES_PER_PING = 16 * 1024;
const BYTES_PER_UPDATE = 1024;

export interface GuardedConnection {
  ping(): void;
  /** Closes the socket without GOAWAY, because the peer does not read. */
  destroy(): void;
}

export class ConnectionGuard {
  readonly #connection: GuardedConnection;
  readonly #socket: Socket;
  #windowStart = performance.now();
  #bytesSentBefore = 0;
  #messagesSent = 0;
  #resets = 0;
  #pings = 0;
  #settings = 0;
  #idleFrames = 0;
  #timer: NodeJS.Timeout;
  #bytesReadBefore = 0;

  /** @param hasBegun called once after a timeout: true if the peer speaks HTTP/2 */
  constructor(connection: GuardedConnection, socket: Socket, hasBegun: () => boolean) {
    this.#connection = connection;
    this.#socket = socket;
    const waitMs = Math.min(LIMITS.prefaceTimeoutMs, LIMITS.keepaliveIntervalMs);
    this.#timer = setTimeout(() => {
      if (hasBegun()) this.#checkAlive();
      else this.#giveUp("the peer sent no HTTP/2 preface");
    }, waitMs).unref();
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  /** Counts a sent message: the peer may answer it with a PING. */
  countMessage(): void {
    this.#messagesSent++;
  }

  /**
   * Counts a stream that was reset before it was answered, by the peer or because of an error of
   * the peer. Honest clients also cancel hundreds of calls, so the cost of the resets decides, not
   * their number.
   * @param debtMs processor time that the connection recently used beyond its share
   * @throws {Http2Error} ENHANCE_YOUR_CALM
   */
  countReset(debtMs: number): void {
    this.#startWindow();
    const isCostly = debtMs > LIMITS.resetDebtMsMax;
    const allowed = isCostly ? LIMITS.costlyResetsPerSecondMax : LIMITS.resetsPerSecondMax;
    if (++this.#resets > allowed) throw tooMany("resets");
  }

  countPing(): void {
    this.#startWindow();
    const allowed = LIMITS.pingsPerSecondMax + this.#messagesSent + this.#bytesSent() / BYTES_PER_PING;
    if (++this.#pings > allowed) throw tooMany("pings");
  }

  countSettings(): void {
    this.#startWindow();
    if (++this.#settings > LIMITS.settingsPerSecondMax) throw tooMany("settings");
  }

  /** Counts a frame without effect: empty, PRIORITY, WINDOW_UPDATE, or for a closed stream. */
  countIdleFrame(): void {
    this.#startWindow();
    const allowed = LIMITS.idleFramesPerSecondMax + this.#messagesSent + this.#bytesSent() / BYTES_PER_UPDATE;
    if (++this.#idleFrames > allowed) throw tooMany("frames without effect");
  }

  #bytesSent(): number {
    return this.#socket.bytesWritten - this.#bytesSentBefore;
  }

  #startWindow(): void {
    const now = performance.now();
    if (now - this.#windowStart < 1000) return;
    this.#windowStart = now;
    this.#bytesSentBefore = this.#socket.bytesWritten;
    this.#messagesSent = 0;
    this.#resets = 0;
    this.#pings = 0;
    this.#settings = 0;
    this.#idleFrames = 0;
  }

  /** Runs at each interval: pings a connection that was silent since the last one. */
  #checkAlive(): void {
    const { bytesRead } = this.#socket;
    const isSilent = bytesRead === this.#bytesReadBefore;
    this.#bytesReadBefore = bytesRead;
    if (!isSilent) {
      this.#timer = setTimeout(() => this.#checkAlive(), LIMITS.keepaliveIntervalMs).unref();
      return;
    }
    this.#connection.ping();
    this.#timer = setTimeout(() => this.#checkAnswer(), LIMITS.keepaliveTimeoutMs).unref();
  }

  #checkAnswer(): void {
    if (this.#socket.bytesRead === this.#bytesReadBefore) this.#giveUp("the peer did not answer a PING");
    else this.#checkAlive();
  }

  #giveUp(reason: string): void {
    log.debug("connection closed", {
      reason,
      peer: `${this.#socket.remoteAddress}:${this.#socket.remotePort}`,
    });
    this.#connection.destroy();
  }
}

function tooMany(what: string): Http2Error {
  return new Http2Error("ENHANCE_YOUR_CALM", `too many ${what}`);
}
