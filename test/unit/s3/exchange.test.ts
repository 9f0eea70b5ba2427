/**
 * The connections to a store: time-outs of each phase, cut connections, hostile heads, TLS, and that connections are used again.
 */
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { LIMITS } from "../../../src/limits.ts";
import { CertificateAuthority } from "../../support/certificate-authority.ts";
import { MemoryStore } from "../../support/memory-store.ts";
import { reply, ScriptedStore, type Step } from "../../support/scripted-store.ts";

let store: ScriptedStore;
beforeAll(async () => {
  store = await ScriptedStore.start();
});
afterAll(() => store.close());

const ETAG = '"1"';
const DONE = reply(200, { headers: { etag: ETAG } });
const QUICK = { answerMs: 80, connectMs: 80, idleMs: 80 };
const HEAD = `HTTP/1.1 200 OK\r\nDate: Sun, 29 Nov 2026 12:00:00 GMT\r\netag: ${ETAG}\r\n`;
const WRITTEN = `${HEAD}content-length: 0\r\n\r\n`;
const BODY = [Buffer.from("x")];

/** A server of raw bytes: what each connection does with its first bytes is the test's. */
class RawServer {
  readonly sockets: Socket[] = [];
  readonly #server: Server;

  private constructor(onData: ((socket: Socket, data: Buffer) => void) | undefined) {
    this.#server = createServer((socket) => {
      this.sockets.push(socket);
      socket.on("error", () => {});
      if (onData !== undefined) socket.on("data", (data) => onData(socket, data));
      else socket.pause();
    });
  }

  static async start(onData?: (socket: Socket, data: Buffer) => void): Promise<RawServer> {
    const server = new RawServer(onData);
    await new Promise<void>((resolve) => server.#server.listen(0, "127.0.0.1", resolve));
    return server;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get endpoint(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  async close(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

describe("a request", () => {
  const servers: RawServer[] = [];
  afterEach(async () => {
    await Promise.all(servers.splice(0).map((server) => server.close()));
  });
  const serve = async (onData?: (socket: Socket, data: Buffer) => void): Promise<RawServer> => {
    const server = await RawServer.start(onData);
    servers.push(server);
    return server;
  };

  it("whose body is not taken is doubtful in bounded time", async () => {
    const { endpoint } = await serve();
    const outcome = store.bucket({ endpoint, times: QUICK }).write("a", [Buffer.alloc(32 * 1024 ** 2)]);
    expect(await outcome).toEqual({ kind: "doubtful" });
  });

  it("whose answer trickles for ever is doubtful in bounded time", async () => {
    const timers: NodeJS.Timeout[] = [];
    const { endpoint } = await serve((socket) => {
      socket.write("HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n");
      timers.push(setInterval(() => socket.write("x"), 20));
    });
    try {
      expect(await store.bucket({ endpoint, times: QUICK }).write("a", BODY)).toEqual({ kind: "doubtful" });
    } finally {
      for (const timer of timers) clearInterval(timer);
    }
  });

  it("that gets no connection may be repeated: no TLS from the store, in bounded time", async () => {
    const { port } = await serve();
    const bucket = store.bucket({ endpoint: `https://127.0.0.1:${port}`, times: QUICK });
    expect(await bucket.write("a", BODY)).toEqual({ kind: "retry" });
  });

  it("waits for a free connection, and may be repeated if there is none in time", async () => {
    const held: (() => void)[] = [];
    store.answer((response, request) => held.push(() => DONE(response, request)));
    const bucket = store.bucket();
    const writes = Array.from({ length: LIMITS.s3SocketsMax + 1 }, () => bucket.write("a", BODY));
    await vi.waitFor(() => expect(held).toHaveLength(LIMITS.s3SocketsMax));
    held.shift()?.();
    await vi.waitFor(() => expect(held).toHaveLength(LIMITS.s3SocketsMax));
    for (const answer of held) answer();
    expect((await Promise.all(writes)).every(({ kind }) => kind === "done")).toBe(true);
    store.answer(() => {});
    const quick = store.bucket({ times: { ...QUICK, connectMs: 5_000, answerMs: 400 } });
    const late = Array.from({ length: LIMITS.s3SocketsMax + 1 }, () => quick.write("a", BODY));
    const kinds = (await Promise.all(late)).map(({ kind }) => kind);
    expect(kinds.at(-1)).toBe("retry");
    expect(new Set(kinds.slice(0, -1))).toEqual(new Set(["doubtful"]));
  });

  it.each([
    ["no HTTP", "SSH-2.0-OpenSSH_9.2\r\n"],
    ["no headers", "HTTP/1.1 200 OK\r\n"],
    ["headers without end", `HTTP/1.1 200 OK\r\n${"x: y\r\n".repeat(10_000)}`],
    ["one large header", `HTTP/1.1 200 OK\r\nx: ${"y".repeat(100_000)}\r\n\r\n`],
    ["two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"],
    ["a length that is not one", "HTTP/1.1 200 OK\r\nContent-Length: 1e3\r\n\r\n"],
    ["a chunk that is not one", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"],
    ["a chunk that is too long", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nxy\r\n0\r\n\r\n"],
    ["a length and chunks", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"],
    ["an unknown coding", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nx"],
    ["a body that is cut", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel"],
    ["a last body that is cut", "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhel"],
    ["chunks without the last", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n"],
    ["another protocol's switch", "HTTP/1.1 101 Switching Protocols\r\n\r\n"],
    ["100 (Continue), which it did not ask for", `HTTP/1.1 100 Continue\r\n\r\n${WRITTEN}`],
    ["interim answers without end", "HTTP/1.1 103 Early Hints\r\n\r\n".repeat(20)],
  ])("that is answered with %s is doubtful", async (_name, text) => {
    const { endpoint } = await serve((socket) => socket.end(text));
    expect(await store.bucket({ endpoint, times: QUICK }).write("a", BODY)).toEqual({ kind: "doubtful" });
  });

  it.each([
    ["an interim answer before its answer", `HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n${WRITTEN}`],
    ["headers in any case", WRITTEN.replace("etag", "ETag")],
    ["HTTP/1.0", WRITTEN.replace("1.1", "1.0")],
    ["chunks", `${HEAD}transfer-encoding: chunked\r\n\r\n1;a=b\r\nx\r\n0\r\n\r\n`],
  ])("that is answered with %s is done", async (_name, text) => {
    const { endpoint } = await serve((socket) => socket.write(text));
    const outcome = await store.bucket({ endpoint, times: QUICK }).write("a", BODY);
    expect(outcome).toMatchObject({ kind: "done", etag: ETAG });
  });

  it("that is answered with 304 takes no body, also if a length is announced", async () => {
    const text = WRITTEN.replace("200 OK", "304 Not Modified").replace("length: 0", "length: 5");
    const { endpoint } = await serve((socket) => socket.write(text));
    const bucket = store.bucket({ endpoint, times: QUICK });
    const read = async () => await bucket.read("a", { bytesMax: 1, ifNoneMatch: ETAG });
    expect([await read(), await read()]).toMatchObject([{ kind: "same" }, { kind: "same" }]);
  });

  it.each([
    ["closed", (socket: Socket) => socket.end()],
    ["reset", (socket: Socket) => socket.resetAndDestroy()],
    ["silent", () => {}],
    ["broken within the answer", (socket: Socket) => socket.end("HTTP/1.1 200 OK\r\nContent-")],
  ])("is sent once, and is doubtful, if its connection is %s", async (_name, fail) => {
    const methods: string[] = [];
    const { endpoint } = await serve((socket, data) => {
      methods.push(...(data.toString("latin1").match(/^[A-Z]+ /) ?? []));
      return methods.length === 1 ? socket.write(WRITTEN) : fail(socket);
    });
    const bucket = store.bucket({ endpoint, times: QUICK });
    expect(await bucket.write("a", BODY)).toMatchObject({ kind: "done" });
    expect(await bucket.write("b", BODY)).toEqual({ kind: "doubtful" });
    expect(methods).toEqual(["PUT ", "PUT "]);
  });

  it("is refused an object without a length, whose end nobody could tell from a cut", async () => {
    const text = `${HEAD}\r\nhal`;
    const { endpoint } = await serve((socket) => socket.end(text));
    const read = store.bucket({ endpoint }).read("a", { bytesMax: 10 });
    await expect(read).rejects.toMatchObject({ code: "STORAGE_IO" });
  });

  it("uses its connection again, also after an error and a 304", async () => {
    const connections = new Set<unknown>();
    const noted =
      (step: Step): Step =>
      (response, request) => {
        connections.add(response.socket);
        step(response, request);
      };
    const bucket = store.bucket();
    store.answer(
      noted(DONE),
      noted(reply(500, { body: "x".repeat(200_000) })),
      noted(reply(304)),
      noted(DONE),
    );
    await bucket.write("a", BODY);
    expect(await bucket.write("a", [Buffer.alloc(300_000)])).toEqual({ kind: "doubtful" });
    await bucket.read("a", { bytesMax: 1, ifNoneMatch: ETAG });
    await bucket.write("a", BODY);
    expect(connections.size).toBe(1);
  });

  it("that is answered before its body was read has that answer", async () => {
    const { endpoint } = await serve((socket) => {
      socket.write("HTTP/1.1 412 Precondition Failed\r\nContent-Length: 0\r\n\r\n");
      socket.removeAllListeners("data").pause();
    });
    const outcome = store.bucket({ endpoint }).write("a", [Buffer.alloc(32 * 1024 ** 2)], { ifAbsent: true });
    expect(await outcome).toEqual({ kind: "conflict" });
  });

  it("fails when the bucket is closed, and leaves no connection", async () => {
    const server = await serve(() => {});
    const bucket = store.bucket({ endpoint: server.endpoint });
    const write = bucket.write("a", BODY);
    await vi.waitFor(() => expect(server.sockets).toHaveLength(1));
    bucket.close();
    expect(await write).toEqual({ kind: "doubtful" });
    await vi.waitFor(() => expect(server.sockets[0]?.destroyed).toBe(true));
  });

  it("fails when the bucket is closed while it connects, and leaves no connection", async () => {
    const server = await serve(() => {});
    const bucket = store.bucket({ endpoint: `https://127.0.0.1:${server.port}` });
    const write = bucket.write("a", BODY);
    await vi.waitFor(() => expect(server.sockets).toHaveLength(1));
    bucket.close();
    expect(await write).toEqual({ kind: "retry" });
    await vi.waitFor(() => expect(server.sockets[0]?.destroyed).toBe(true), 1_000);
  });
});

describe("a store behind TLS", () => {
  let authority: CertificateAuthority;
  let secure: ScriptedStore;
  beforeAll(async () => {
    authority = new CertificateAuthority();
    secure = await ScriptedStore.start(authority.issueServer());
  });
  afterAll(async () => {
    await secure.close();
    authority.remove();
  });

  it("is sent bodies without their SHA-256, but with their CRC-32", async () => {
    const memory = new MemoryStore();
    secure.answer(memory.step);
    const bucket = secure.bucket({ ca: authority.cert.toString("utf8") });
    expect(await bucket.write("a", [Buffer.from("hello")])).toMatchObject({ kind: "done" });
    expect(secure.seen[0]?.headers).toMatchObject({
      "x-amz-content-sha256": "UNSIGNED-PAYLOAD",
      "x-amz-checksum-crc32": "NhCmhg==",
    });
    const signing = secure.bucket({ ca: authority.cert.toString("utf8"), unsignedPayload: false });
    await signing.write("a", [Buffer.from("hello")]);
    expect(secure.seen[1]?.headers["x-amz-content-sha256"]).toMatch(/^2cf24dba/);
  });

  it("is sent nothing if its certificate is not trusted", async () => {
    secure.answer(DONE);
    expect(await secure.bucket().write("a", BODY)).toEqual({ kind: "retry" });
    await expect(secure.bucket().read("a", { bytesMax: 1 })).rejects.toThrow(
      /STORAGE_UNAVAILABLE.*certificate/,
    );
    expect(secure.seen).toEqual([]);
  });
});
