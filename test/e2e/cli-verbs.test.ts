import { execFile, execFileSync, type SpawnSyncReturns, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { createWriteStream, readdirSync, readFileSync, type WriteStream, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { builtDoor } from "../support/built-package.ts";
import { cleanEnvironment } from "../support/clean-environment.ts";
import { pathDescriptor, valuePut } from "../support/flight-messages.ts";
import { type InProcessServer, startInProcess } from "../support/in-process-server.ts";
import { startProxy } from "../support/stalling-proxy.ts";
import { type RunningCommand, startCommand } from "../support/start-command.ts";
import { type TemporaryDirectory, temporaryDirectory } from "../support/temporary-directory.ts";

const CLI = fileURLToPath(new URL("../../dist/cli.js", import.meta.url));
const GOLDEN = fileURLToPath(new URL("../golden/arrow/", import.meta.url));

let server: InProcessServer;
let directory: TemporaryDirectory;
beforeAll(async () => {
  await builtDoor();
  server = await startInProcess();
});
afterAll(async () => {
  await server.stop();
});
beforeEach(() => {
  directory = temporaryDirectory("cli-verbs");
});
afterEach(() => {
  directory.remove();
});

const path = (name: string): string => join(directory.path, name);

function environment(endpoint = server.endpoint): Record<string, string> {
  return cleanEnvironment({ FLAME_HOME: directory.path, FLAME_CACHE_ENDPOINT: endpoint, CLI, GOLDEN });
}

interface Ended {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs a line of bash in which `flame` is the built command; a pipeline ends with the last failure in it. */
function shell(line: string): Promise<Ended> {
  const script = `set -o pipefail; flame() { '${process.execPath}' "$CLI" "$@"; }; ${line}`;
  return new Promise((resolve) => {
    execFile(
      "bash",
      ["--norc", "-c", script],
      { env: environment(), cwd: directory.path },
      (error, out, err) => resolve({ code: typeof error?.code === "number" ? error.code : 0, out, err }),
    );
  });
}

const flame = (args: readonly string[], endpoint = server.endpoint): RunningCommand =>
  startCommand(args, { directory: directory.path, environment: { FLAME_CACHE_ENDPOINT: endpoint } });

describe("the verbs of the built command", () => {
  it("bring a file and a pipe back equal", async () => {
    writeFileSync(path("in"), Buffer.alloc(2_500_000, "some bytes "));
    expect(await shell("flame put in --key e2e/s/file && flame get e2e/s/file -o out && cmp in out")).toEqual(
      {
        code: 0,
        out: "e2e/s/file version 1\n",
        err: "",
      },
    );
    const piped = await shell(
      "cat in | flame put - --key e2e/s/pipe --json | cat && flame get e2e/s/pipe | cmp - in",
    );
    expect(piped).toMatchObject({ code: 0, err: "" });
    expect(JSON.parse(piped.out)).toMatchObject({ key: "e2e/s/pipe", version: 1, size: 2_500_000 });
  });

  it("keep a table over a file, a pipe and a copy", async () => {
    const line =
      'flame put "$GOLDEN/nested.arrows" -k e2e/s/table && flame get e2e/s/table | flame put - -k e2e/s/again ' +
      "&& flame cp e2e/s/again e2e/copies && flame cat e2e/copies/again -n 1";
    const { code, out } = await shell(line);
    expect(code).toBe(0);
    expect(out).toContain("{x: [{y: [1, null]}], z: q}");
    expect(out).toContain("e2e/copies/again version 1\n");
  });

  it("show, list and delete", async () => {
    await shell("for n in 1 2 3; do echo $n | flame put - -k many/s/$n; done");
    expect((await shell("flame ls many | awk '{ sum += $5 } END { print NR, sum }'")).out).toBe("3 6\n");
    expect((await shell("flame stat many/s/1")).out).toContain("size      2 B\n");
    expect(await shell("flame rm many/s")).toEqual({
      code: 64,
      out: "",
      err: "flame-object-cache: this would delete 3 objects (6 B) at many/s: confirm with --yes\n",
    });
    expect(await shell("flame rm many/s --yes")).toMatchObject({ code: 0, out: "deleted 3 objects (6 B)\n" });
  });

  it.each([
    [
      "flame get e2e/s/missing",
      66,
      /^flame-object-cache: \[OBJECT_NOT_FOUND\] no object at e2e\/s\/missing\n$/,
    ],
    [
      "flame put missing -k a/s/o",
      66,
      /^flame-object-cache: missing: no such file or directory \(ENOENT\)\n$/,
    ],
    ["flame stat nonsense", 64, /^flame-object-cache: \[INVALID_KEY\] [^\n]+\n$/],
    ["flame put x", 64, /^error: required option '-k, --key <key>' not specified\n/],
    [
      "flame ls --endpoint grpc://127.0.0.1:1",
      69,
      /^flame-object-cache: \[UNREACHABLE\] [^\n]+127\.0\.0\.1:1\); start a server [^\n]+\n$/,
    ],
    ["flame ls --endpoint http://x", 78, /^flame-object-cache: \[INVALID_CONFIG\] [^\n]+\n$/],
    [
      "head -c 300 $GOLDEN/nested.arrow > cut; flame put cut -k a/s/o",
      65,
      /^[^\n]+\[INVALID_IPC\] [^\n]+\n$/,
    ],
    [
      "echo x | flame put - -k a/s/x > log; flame get a/s/x -o no/such/place",
      73,
      /^[^\n]+: no such file or directory \(ENOENT\)\n$/,
    ],
  ])("end with one line and the documented code: %s", async (line, code, err) => {
    const ended = await shell(line);
    expect(ended).toMatchObject({ code, out: "" });
    expect(ended.err).toMatch(err);
  });

  it("stop quietly when the reader of a pipe has enough", async () => {
    const puts = Array.from({ length: 1500 }, (_, index) => {
      return server.client.put(valuePut(pathDescriptor(`plenty/${"s".repeat(100)}/${index}`), "x"));
    });
    await Promise.all(puts);
    const { code, out, err } = await shell("flame ls plenty --json | head -n 1");
    expect(out.split("\n")).toHaveLength(2);
    expect([code, err]).toEqual([141, ""]);
  });
});

describe("a transfer that breaks", () => {
  beforeEach(async () => {
    await server.client.put(valuePut(pathDescriptor("broken/s/large"), Buffer.alloc(30_000_000, "x")));
    writeFileSync(path("out"), "as it was");
  });

  const partFiles = (): string[] => readdirSync(directory.path).filter((name) => name.endsWith(".part"));

  it("leaves the file as it was when the server goes away during get", async () => {
    await using proxy = await startProxy(server.endpoint, 10_000_000);
    await using command = flame(["get", "broken/s/large", "-o", "out"], proxy.endpoint);
    await expect.poll(partFiles, { timeout: 20_000 }).toHaveLength(1);
    await proxy.stalled;
    proxy.breakConnections();
    expect(await command.ended).toBe(69);
    expect(command.stderr).toMatch(/^flame-object-cache: \[UNREACHABLE\] [^\n]+\n$/);
    expect(partFiles()).toEqual([]);
    expect(readFileSync(path("out"), "utf8")).toBe("as it was");
  });

  it.each([
    ["SIGINT", 130],
    ["SIGTERM", 143],
  ] as const)("leaves the file as it was after %s during get", async (signal, code) => {
    await using proxy = await startProxy(server.endpoint, 10_000_000);
    await using command = flame(["get", "broken/s/large", "-o", "out"], proxy.endpoint);
    await expect.poll(partFiles, { timeout: 20_000 }).toHaveLength(1);
    await proxy.stalled;
    command.signal(signal);
    expect(await command.ended).toBe(code);
    expect(command.stderr).toBe(`flame-object-cache: [CANCELLED] stopped by ${signal}\n`);
    expect(partFiles()).toEqual([]);
    expect(readFileSync(path("out"), "utf8")).toBe("as it was");
  });

  it("stores nothing when the server goes away, or the user, during put", async () => {
    writeFileSync(path("large"), Buffer.alloc(40_000_000));
    for (const end of ["server", "user"]) {
      await using proxy = await startProxy(server.endpoint, 10_000_000, "upload");
      await using command = flame(["put", "large", "-k", `broken/s/${end}`], proxy.endpoint);
      await proxy.stalled;
      const leave = { server: () => proxy.breakConnections(), user: () => command.signal("SIGINT") }[end];
      leave?.();
      expect(await command.ended).toBe({ server: 69, user: 130 }[end]);
    }
    expect(await server.client.keys("broken/s")).toEqual(["broken/s/large"]);
  });

  it("succeeds when it is tried again", async () => {
    await using command = flame(["get", "broken/s/large", "-o", "out"]);
    expect(await command.ended).toBe(0);
    expect(readFileSync(path("out")).equals(Buffer.alloc(30_000_000, "x"))).toBe(true);
  });
});

/** `script` gives a command a terminal of its own; util-linux has had it for ever, other systems differ. */
const SCRIPT: SpawnSyncReturns<string> = spawnSync("script", ["--version"], { encoding: "utf8" });

describe.skipIf(SCRIPT.status !== 0 || !SCRIPT.stdout.includes("util-linux"))("on a terminal", () => {
  /** A command on a terminal: what it shows, what is typed, and how it ends. */
  class OnTerminal {
    shown = "";
    readonly ended: Promise<number | null>;
    readonly #child;

    constructor(line: string) {
      const command = `'${process.execPath}' '${CLI}' ${line}`;
      const env = { ...environment(), TERM: "xterm" };
      this.#child = spawn("script", ["-qefc", `stty cols 80; exec ${command}`, "/dev/null"], {
        env,
        cwd: directory.path,
      });
      this.#child.stdout.setEncoding("utf8").on("data", (text: string) => {
        this.shown += text;
      });
      this.ended = once(this.#child, "close").then(([code]) => code as number | null);
    }

    async shows(pattern: RegExp): Promise<void> {
      await expect.poll(() => this.shown, { timeout: 30_000 }).toMatch(pattern);
    }

    type(text: string): void {
      this.#child.stdin.write(text);
    }

    async [Symbol.asyncDispose](): Promise<void> {
      this.#child.kill("SIGKILL");
      await this.ended;
    }
  }

  /** A pipe with a name: the command reads what the test writes, as slowly as it likes. */
  function namedPipe(name: string): { readonly name: string; open(): WriteStream } {
    execFileSync("mkfifo", [path(name)]);
    return { name, open: () => createWriteStream(path(name)) };
  }

  it("shows progress of what takes over a second and wipes it away, and none where there is no terminal", async () => {
    const silent = namedPipe("silent");
    const seen = namedPipe("seen");
    await using elsewhere = flame(["put", silent.name, "-k", "slow/s/silent"]);
    const silentInput = silent.open();
    silentInput.write(Buffer.alloc(2_000_000));
    await using terminal = new OnTerminal(`put ${seen.name} -k slow/s/seen`);
    const seenInput = seen.open();
    seenInput.write(Buffer.alloc(3 * 1024 ** 2));
    await terminal.shows(/put 3\.00 MiB {2}\d.*\/s {2}\ds/);
    silentInput.end();
    seenInput.end();
    expect(await terminal.ended).toBe(0);
    const lastLine = terminal.shown.slice(terminal.shown.lastIndexOf("\r\u001b[K"));
    expect(lastLine.slice("\r\u001b[K".length)).toMatch(/^slow\/s\/seen version \d+\r\n$/);
    expect(await elsewhere.ended).toBe(0);
    expect(elsewhere.stdout).toMatch(/^slow\/s\/silent version \d+\n$/);
    expect(elsewhere.stderr).toBe("");
  });

  it("wipes the progress away at Ctrl-C and says why it ends", async () => {
    const slow = namedPipe("slow");
    await using terminal = new OnTerminal(`put ${slow.name} -k slow/s/stopped`);
    const input = slow.open().on("error", () => {});
    input.write(Buffer.alloc(100_000));
    await terminal.shows(/put \d.*\/s/);
    terminal.type("\u0003");
    expect(await terminal.ended).toBe(130);
    input.destroy();
    expect(terminal.shown).toMatch(/\[CANCELLED\] stopped by SIGINT\r\n$/);
    expect(await server.client.keys("slow/s/stopped")).toEqual([]);
  });

  it("asks before it deletes several objects, and does what is answered", async () => {
    await shell("for n in 1 2; do echo $n | flame put - -k asked/s/$n; done");
    await using refused = new OnTerminal("rm asked/s");
    await refused.shows(/Delete 2 objects \(4 B\) at asked\/s\? \[y\/N\] $/);
    refused.type("n\n");
    expect(await refused.ended).toBe(2);
    expect(await server.client.keys("asked")).toHaveLength(2);
    await using agreed = new OnTerminal("rm asked/s");
    await agreed.shows(/\[y\/N\] $/);
    agreed.type("y\n");
    expect(await agreed.ended).toBe(0);
    expect(await server.client.keys("asked")).toEqual([]);
  });

  it("leaves a question with Ctrl-C and deletes nothing", async () => {
    await shell("for n in 1 2; do echo $n | flame put - -k left/s/$n; done");
    await using asked = new OnTerminal("rm left/s");
    await asked.shows(/\[y\/N\] $/);
    asked.type("\u0003");
    expect(await asked.ended).toBe(130);
    expect(await server.client.keys("left")).toHaveLength(2);
  });

  it("gives titles, sizes for people and tables that fit", async () => {
    await shell('echo hi | flame put - -k shown/s/o; flame put "$GOLDEN/times.arrows" -k shown/s/table');
    await using listed = new OnTerminal("ls shown");
    expect(await listed.ended).toBe(0);
    expect(listed.shown).toContain("KEY            KIND    VERSION  ROWS   SIZE  TYPE\r\n");
    await using shown = new OnTerminal("cat shown/s/table");
    expect(await shown.ended).toBe(0);
    expect(Math.max(...shown.shown.split("\r\n").map((line) => line.length))).toBeLessThanOrEqual(80);
    expect(shown.shown).toMatch(/… \d+ more columns\r\n$/);
  });
});
