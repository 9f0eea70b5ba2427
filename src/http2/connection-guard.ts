/**
 * Watches one connection: what its peer may do per second, and whether it is still there.
 *
 * HTTP/2 lets a peer cause work by frames that cost it nothing: streams opened and reset at once (CVE-2023-44487), or broken
 * so that we reset them (CVE-2025-8671), PINGs (CVE-2019-9512), SETTINGS (CVE-2019-9515), PRIORITY (CVE-2019-9513), empty
 * DATA (CVE-2019-9518). Each is counted per second; over the limit the connection ends with ENHANCE_YOUR_CALM. A connection
 * that has been silent for a while is pinged, and closed when it stays silent.
 * Cost: one timer per connection, one addition per message.
 */
import type { Socket } from "node:net";
import { LIMITS } from "../limits.ts";
import { logFor } from "../log.ts";
import { Http2Error } from "./http2-error.ts";

const log = logFor("grpc");

/** A peer may say that it read, or ask for a sign of life, once for so many bytes that we sent. */
const BYTES_PER_PING = 16 * 1024;
const BYTES_PER_UPDATE = 1024;

export interface GuardedConnection {
  ping(): void;
  /** Ends it without a word: nobody is there to hear one. */
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

  /** @param hasBegun asked once after a while: true when the peer speaks HTTP/2 */
  constructor(connection: GuardedConnection, socket: Socket, hasBegun: () => boolean) {
    this.#connection = connection;
    this.#socket = socket;
    const waitMs = Math.min(LIMITS.prefaceTimeoutMs, LIMITS.keepaliveIntervalMs);
    this.#timer = setTimeout(() => {
      if (hasBegun()) this.#checkAlive();
      else this.#giveUp("it says nothing");
    }, waitMs).unref();
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  /** A message was sent: the peer may answer it with a PING. */
  countMessage(): void {
    this.#messagesSent++;
  }

  /**
   * A stream was reset before it was answered, by the peer or for its faults. Deadlines and cancelled calls come in hundreds
   * from honest clients: what many resets cost decides.
   * @param debtMs processor time that the connection used lately beyond its share
   * @throws {Http2Error}
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

  /** A frame that brings nothing: an empty one, a priority, a window, one for a stream that is gone. */
  countIdleFrame(): void {
    this.#startWindow();
    const allowed = LIMITS.idleFramesPerSecondMax + this.#messagesSent + this.#bytesSent() / BYTES_PER_UPDATE;
    if (++this.#idleFrames > allowed) throw tooMany("frames that bring nothing");
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

  /** Every interval: a connection that said nothing since the last one is pinged, and has to say something then. */
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
    if (this.#socket.bytesRead === this.#bytesReadBefore) this.#giveUp("it is silent");
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
