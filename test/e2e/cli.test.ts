import { execFile } from "node:child_process";
import { once } from "node:events";
import { existsSync, writeFileSync } from "node:fs";
import { connect as connectHttp2 } from "node:http2";
import { connect } from "node:net";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { cleanEnvironment } from "../support/clean-environment.ts";
import { pythonEnvironment } from "../support/python-environment.ts";
import { type RunningCommand, startCommand } from "../support/start-command.ts";
import { type TemporaryDirectory, temporaryDirectory } from "../support/temporary-directory.ts";

const LISTENING = /^listening on grpc:\/\/127\.0\.0\.1:(\d+)\n$/;
const PYTHON = await pythonEnvironment();

let directory: TemporaryDirectory;
beforeEach(() => {
  directory = temporaryDirectory("cli");
});
afterEach(() => {
  directory.remove();
});

function start(args: readonly string[], environment: Record<string, string> = {}): RunningCommand {
  return startCommand(args, { directory: directory.path, environment });
}

const serve = (...args: string[]) => start(["serve", "--endpoint", "grpc://127.0.0.1:0", ...args]);

/** A client that says nothing and stays. */
async function silentClient(port: number) {
  const socket = connect(port, "127.0.0.1");
  await once(socket, "connect");
  return socket.on("error", () => {});
}

describe("flame-object-cache serve", () => {
  it("prints exactly one line on standard output, when it accepts connections, and logs JSON lines elsewhere", async () => {
    await using command = serve();
    const [, port] = await command.wrote("stdout", LISTENING);
    (await silentClient(Number(port))).destroy();
    command.signal("SIGTERM");
    expect(await command.ended).toBe(0);
    expect(command.stdout).toMatch(LISTENING);
    const lines = command.stderr.trimEnd().split("\n");
    expect(lines.map((line) => JSON.parse(line).target)).toContain("flame_cache::server");
  });

  it.each(["SIGTERM", "SIGINT"] as const)(
    "drains and ends with 0 at %s, also with idle connections",
    async (signal) => {
      await using command = serve("--storage", "store");
      const [, port] = await command.wrote("stdout", LISTENING);
      const socket = await silentClient(Number(port));
      command.signal(signal);
      expect(await command.ended).toBe(0);
      expect(command.stderr).toContain(signal);
      socket.destroy();
    },
  );

  it("stores under the working directory when --storage is relative", async () => {
    await using command = serve("--storage", ".flame");
    await command.wrote("stdout", LISTENING);
    expect(existsSync(join(directory.path, ".flame"))).toBe(true);
    command.signal("SIGTERM");
    expect(await command.ended).toBe(0);
  });

  it("waits for calls under way, and ends at once at a second signal", async () => {
    await using command = serve();
    const [, port] = await command.wrote("stdout", LISTENING);
    const session = connectHttp2(`http://127.0.0.1:${port}`).on("error", () => {});
    await once(session, "connect");
    const call = session.request({
      ":method": "POST",
      ":path": "/arrow.flight.protocol.FlightService/DoPut",
      "content-type": "application/grpc",
      te: "trailers",
    });
    call.on("error", () => {}).write(Buffer.alloc(1));
    // Answered after the call's own frames, so the call is under way then.
    await promisify((done: (error: Error | null) => void) => session.ping(done))();
    command.signal("SIGTERM");
    await command.wrote("stderr", /"text":"stopping"/);
    command.signal("SIGTERM");
    expect(await command.ended).toBe(143);
    expect(command.stderr).not.toContain('"text":"stopped"');
    session.destroy();
  });

  it("goes on when nobody reads its log any more", async () => {
    await using command = start(["--endpoint", "grpc://127.0.0.1:0"], { RUST_LOG: "trace" });
    const [, port] = await command.wrote("stdout", LISTENING);
    command.closeStream("stderr");
    const socket = await silentClient(Number(port));
    socket.end("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\ngarbage");
    await once(socket.resume(), "close");
    (await silentClient(Number(port))).destroy();
    command.signal("SIGTERM");
    expect(await command.ended).toBe(0);
  });

  it("ends with 78 and one line when its configuration is wrong", async () => {
    const file = join(directory.path, "flame-cluster.yaml");
    writeFileSync(file, "cache:\n  eviction:\n    policy: fifo\n");
    await using command = serve();
    expect(await command.ended).toBe(78);
    expect(command.stdout).toBe("");
    expect(command.stderr).toBe(
      `flame-object-cache: [INVALID_CONFIG] cache.eviction.policy must be adaptive, lru, s3-fifo or none: got "fifo" (${file}:3)\n`,
    );
  });

  it("ends with 78 and one line when its address is taken", async () => {
    await using first = serve();
    const [, port] = await first.wrote("stdout", LISTENING);
    await using second = start(["--endpoint", `grpc://127.0.0.1:${port}`, "--log", "off"]);
    expect(await second.ended).toBe(78);
    expect(second.stderr).toMatch(
      new RegExp(`^flame-object-cache: \\[INVALID_CONFIG\\] cannot listen on [^\\n]*port ${port}[^\\n]*\\n$`),
    );
  });

  it("ends with 70 and the stack when there is a mistake in it", async () => {
    const mistake = 'process.on("newListener", (name) => name === "SIGTERM" && setTimeout(() => planted()))';
    const NODE_OPTIONS = `--import=data:text/javascript,${encodeURIComponent(mistake)}`;
    await using command = start(["--endpoint", "grpc://127.0.0.1:0"], { NODE_OPTIONS });
    expect(await command.ended).toBe(70);
    expect(command.stderr).toMatch(/^flame-object-cache: ReferenceError: planted is not defined\n {4}at /m);
  });

  it("ends with 64 when it is used wrongly", async () => {
    await using command = start(["--no-such-option"]);
    expect(await command.ended).toBe(64);
    expect(command.stderr).toContain("unknown option '--no-such-option'");
  });

  it("prints its version, its help and its configuration, and ends with 0", async () => {
    await using version = start(["--version"]);
    expect(await version.ended).toBe(0);
    expect(version.stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
    await using help = start(["serve", "--help"]);
    expect(await help.ended).toBe(0);
    expect(help.stdout).toContain("--network-interface");
    await using config = start(["--print-config"], { FLAME_CACHE_MAX_MEMORY: "8G" });
    expect(await config.ended).toBe(0);
    expect(config.stdout).toContain("    max_memory: 8G # FLAME_CACHE_MAX_MEMORY\n");
  });
});

describe.skipIf("missing" in PYTHON)("the three lines of --welcome", () => {
  it("work when they are pasted into python3, and what they put is whole on disk", async () => {
    await using command = serve("--welcome", "--storage", "store");
    const [, lines] = await command.wrote("stderr", /^(import pyarrow.*\n.*\n.*\n)/m);
    expect(lines?.trimEnd().split("\n")).toHaveLength(3);
    const run = promisify(execFile);
    const python = "python" in PYTHON ? PYTHON.python : "";
    const session = run(python, ["-i", "-q"], { env: cleanEnvironment() });
    session.child.stdin?.end(lines);
    const { stdout, stderr } = await session;
    expect(stdout).toContain("n: [[1,2,3]]");
    expect(stderr).not.toContain("Error");

    // The log has it first.
    await vi.waitFor(
      () => expect(existsSync(join(directory.path, "store/demo/first/table.arrow"))).toBe(true),
      {
        timeout: 20_000,
      },
    );
    await using verified = start(["verify", "store"]);
    expect(await verified.ended).toBe(0);
    expect(verified.stderr).toMatch(/^1 files( \(1 only in the log\))?, 0 damaged or incomplete\n$/);
    await using inspected = start(["inspect", "store/demo/first/table.arrow"]);
    expect(await inspected.ended).toBe(0);
    expect(inspected.stdout).toContain("kind      table\nversion   1\nrows      3\n");
    writeFileSync(join(directory.path, "store/demo/first/bad.arrow"), "garbage");
    await using refused = start(["verify", "store"]);
    expect(await refused.ended).toBe(1);
    expect(refused.stdout).toMatch(/^demo\/first\/bad\.arrow: \[OBJECT_CORRUPT\] [^\n]+\n$/);
  });
});
