/**
 * Watches one connection of the server: what its peer may do per second, and whether it is still there.
 *
 * HTTP/2 lets a peer cause work by frames that cost it nothing: streams opened and reset at once (CVE-2023-44487), PINGs
 * (CVE-2019-9512), SETTINGS (CVE-2019-9515). Each is counted per second; over the limit the connection is closed with
 * ENHANCE_YOUR_CALM. A connection that has been silent for a while is pinged, and closed when it stays silent.
 * Cost: one timer per connection, one addition per message.
 */
import { constants, type ServerHttp2Session } from "node:http2";
import type { Socket } from "node:net";
import { LIMITS } from "../limits.ts";
import { logFor } from "../log.ts";

const log = logFor("grpc");
const DATA_FRAME_BYTES = 16 * 1024;

const LOOPBACK = /^(?:::ffff:)?127\.|^::1$/;

/** True for the addresses of a connection that this host made to itself. */
export function isOwnAddress({
  remoteAddress,
  localAddress,
}: {
  readonly remoteAddress?: string | undefined;
  readonly localAddress?: string | undefined;
}): boolean {
  if (remoteAddress === undefined) return false;
  return LOOPBACK.test(remoteAddress) || remoteAddress === localAddress;
}

export class SessionGuard {
  readonly peer: string;
  /** The peer's address is a loopback one or the very address it dialled: only a process of this host has it. */
  readonly isFromThisHost: boolean;
  readonly #session: ServerHttp2Session;
  /** The TCP socket, below TLS. */
  readonly #socket: Socket;
  #windowStart = performance.now();
  #bytesSentBefore = 0;
  #messagesSent = 0;
  #resets = 0;
  #pings = 0;
  #settings = 0;
  #isClosing = false;
  #keepalive: NodeJS.Timeout;
  #bytesReadBefore = 0;

  constructor(session: ServerHttp2Session, socket: Socket) {
    this.#session = session;
    this.#socket = socket;
    this.peer = `${socket.remoteFamily === "IPv6" ? "ipv6" : "ipv4"}:${socket.remoteAddress}:${socket.remotePort}`;
    this.isFromThisHost = isOwnAddress(socket);
    session.on("ping", () => this.#countPing());
    session.on("remoteSettings", () => this.#countSettings());
    session.once("close", () => clearTimeout(this.#keepalive));
    this.#keepalive = setTimeout(() => this.#checkAlive(), LIMITS.keepaliveIntervalMs).unref();
  }

  /** A message was sent: the peer may answer it with a PING. */
  countMessage(): void {
    this.#messagesSent++;
  }

  /** The peer reset a stream before it was answered. */
  countReset(): void {
    this.#startWindow();
    if (++this.#resets > LIMITS.resetsPerSecondMax) this.#close("resets");
  }

  #countPing(): void {
    this.#startWindow();
    const framesSent = (this.#socket.bytesWritten - this.#bytesSentBefore) / DATA_FRAME_BYTES;
    if (++this.#pings > LIMITS.pingsPerSecondMax + this.#messagesSent + framesSent) this.#close("pings");
  }

  #countSettings(): void {
    this.#startWindow();
    if (++this.#settings > LIMITS.settingsPerSecondMax) this.#close("settings");
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
  }

  /**
   * Closes the connection of a peer that does too much of `what`; on the next turn, because node 20 can spin for ever
   * when a session is destroyed from within its own frames.
   */
  #close(what: string): void {
    if (this.#isClosing || this.#session.destroyed) return;
    this.#isClosing = true;
    log.warn("connection closed, too many of one frame", { peer: this.peer, what });
    setImmediate(() => {
      this.#session.destroy(new Error(`too many ${what}`), constants.NGHTTP2_ENHANCE_YOUR_CALM);
      this.#destroySocketSoon();
    });
  }

  #destroySocketSoon(): void {
    const timer = setTimeout(() => this.#socket.destroy(), LIMITS.closeGraceMs).unref();
    this.#socket.once("close", () => clearTimeout(timer));
  }

  /** Every interval: a connection that said nothing since the last one is pinged, and has to say something then. */
  #checkAlive(): void {
    if (this.#session.destroyed) return;
    const { bytesRead } = this.#socket;
    const isSilent = bytesRead === this.#bytesReadBefore;
    this.#bytesReadBefore = bytesRead;
    if (!isSilent) {
      this.#keepalive = setTimeout(() => this.#checkAlive(), LIMITS.keepaliveIntervalMs).unref();
      return;
    }
    this.#session.ping(() => undefined);
    this.#keepalive = setTimeout(() => this.#checkAnswer(), LIMITS.keepaliveTimeoutMs).unref();
  }

  #checkAnswer(): void {
    if (this.#socket.bytesRead !== this.#bytesReadBefore) {
      this.#checkAlive();
      return;
    }
    log.debug("connection closed, it is silent", { peer: this.peer });
    this.#session.destroy();
    this.#destroySocketSoon();
  }
}
