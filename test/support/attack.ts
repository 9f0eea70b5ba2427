/**
 * What the attack tests stand on: a server to be attacked, peers that misbehave, and a client that does not.
 *
 * All of it ends with the test.
 */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, vi } from "vitest";
import { GrpcClient } from "../../src/grpc/client.ts";
import type { ServerState } from "./attacked-server.ts";
import {
  ACK,
  FRAME,
  type Frame,
  frame,
  PREFACE,
  type Setting,
  settings,
  splitFrames,
} from "./http2-frames.ts";

export class AttackedServer {
  readonly #process: ChildProcess;
  readonly plainPort: number;
  readonly securePort: number;

  constructor(child: ChildProcess, ports: { plain: number; secure: number }) {
    this.#process = child;
    this.plainPort = ports.plain;
    this.securePort = ports.secure;
  }

  async state(): Promise<ServerState> {
    const answer = once(this.#process, "message");
    this.#process.send("state");
    return (await answer)[0];
  }

  /** The server still answers others, and nothing of its attackers is left. */
  async expectUnharmed(): Promise<void> {
    const client = new GrpcClient({ host: "127.0.0.1", port: this.plainPort });
    const answer = await client.unary("/test.Echo/Unary", Buffer.from("still here"), { timeoutMs: 10_000 });
    expect(answer.toString()).toBe("still here");
    await client.close();
    await vi.waitFor(async () => expect(await this.state()).toMatchObject({ openCalls: 0, sessions: 0 }), {
      timeout: 10_000,
      interval: 100,
    });
    expect(this.#process.exitCode).toBeNull();
  }

  stop(): void {
    this.#process.kill("SIGKILL");
  }
}

export async function startAttackedServer(): Promise<AttackedServer> {
  const file = fileURLToPath(new URL("./attacked-server.ts", import.meta.url));
  const child = fork(file, { execArgv: ["--import", "tsx"], stdio: ["ignore", "ignore", "inherit", "ipc"] });
  const [ports] = await once(child, "message");
  return new AttackedServer(child, ports);
}

/** A raw HTTP/2 peer: sends what it is told and remembers what comes. */
export class RawPeer {
  readonly socket: Socket;
  readonly frames: Frame[] = [];
  #rest = Buffer.alloc(0);

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on("error", () => undefined);
    socket.on("data", (chunk: Buffer) => {
      const { frames, rest } = splitFrames(Buffer.concat([this.#rest, chunk]));
      this.frames.push(...frames);
      this.#rest = Buffer.from(rest);
    });
  }

  /** Sends and waits while the server is slower; false once the connection is closed. */
  async send(...parts: Uint8Array[]): Promise<boolean> {
    if (this.socket.destroyed || !this.socket.writable) return false;
    if (this.socket.write(Buffer.concat(parts))) return true;
    return new Promise((resolve) => {
      const settle = (): void => {
        this.socket.off("drain", settle).off("close", settle);
        resolve(!this.socket.destroyed);
      };
      this.socket.on("drain", settle).on("close", settle);
    });
  }

  /** Sends `part` over and over, at most `count` times, until the connection is closed; the number of times sent. */
  async flood(count: number, part: (i: number) => Uint8Array): Promise<number> {
    const batch = 100;
    for (let i = 0; i < count; i += batch) {
      if (!(await this.send(...Array.from({ length: batch }, (_, k) => part(i + k))))) return i;
    }
    return count;
  }

  closed(): Promise<void> {
    if (this.socket.destroyed) return Promise.resolve();
    return new Promise((resolve) => void this.socket.once("close", () => resolve()));
  }

  /** The first frame of a type, once it is there. */
  async frame(type: number): Promise<Frame> {
    await vi.waitFor(() => expect(this.frames.map((each) => each.type)).toContain(type), { timeout: 10_000 });
    return this.frames.find((each) => each.type === type)!;
  }

  /** The error code with which the server said goodbye. */
  async goodbye(): Promise<number> {
    return (await this.frame(FRAME.goaway)).payload.readUInt32BE(4);
  }
}

/** A TCP connection that has said nothing yet. */
export function rawPeer(port: number): RawPeer {
  const socket = connect({ port, host: "127.0.0.1", noDelay: true });
  onTestFinished(() => void socket.destroy());
  return new RawPeer(socket);
}

/** A connection whose settings are agreed. */
export async function http2Peer(port: number, ...ours: readonly Setting[]): Promise<RawPeer> {
  const peer = rawPeer(port);
  await peer.send(PREFACE, settings(...ours));
  await peer.frame(FRAME.settings);
  await peer.send(frame(FRAME.settings, ACK, 0));
  return peer;
}
