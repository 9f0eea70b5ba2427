/**
 * A newcomer's mistakes: each ends at once, and its message names the thing that is wrong and the next step.
 *
 * The command is the built one; needs a build.
 */
import { execFile } from "node:child_process";
import { cpSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { cleanEnvironment } from "../support/clean-environment.ts";
import { startCommand } from "../support/start-command.ts";
import { startServer } from "../support/start-server.ts";
import { type TemporaryDirectory, temporaryDirectory } from "../support/temporary-directory.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const FREE = "grpc://127.0.0.1:0";

let directory: TemporaryDirectory;
beforeEach(() => {
  directory = temporaryDirectory("wrong-starts");
  writeFileSync(join(directory.path, "file"), "text");
});
afterEach(() => {
  directory.remove();
});

/** Exit code and standard error of a command that should end by itself. */
async function run(...args: string[]): Promise<[number | null, string]> {
  await using command = startCommand(args, { directory: directory.path });
  const code = await command.ended;
  return [code, command.stderr.replaceAll(directory.path, "DIR")];
}

describe("a wrong start ends at once", () => {
  it.each([
    ["/proc/x", "/proc/x cannot be used: no directory can be made there (ENOENT); --storage names another"],
    ["/proc/x/y", "/proc/x/y cannot be used: no directory can be made there (ENOENT)"],
    ["file", "DIR/file cannot be used: a file is in its place, or in its path (ENOTDIR)"],
    ["/dev/null/x", "/dev/null/x cannot be used: a file is in its place, or in its path (ENOTDIR)"],
  ])("with --storage %s, and says why the directory cannot be used", async (storage, message) => {
    const [code, text] = await run("--endpoint", FREE, "--storage", storage);
    expect(code).toBe(78);
    expect(text).toContain(`flame-object-cache: [INVALID_CONFIG] the storage directory ${message}`);
  });

  it("with a storage directory of a running server, and names its process", async () => {
    const storage = join(directory.path, "store");
    await using server = await startServer({ storage });
    expect(await run("--endpoint", FREE, "--storage", "store")).toEqual([
      78,
      `flame-object-cache: [INVALID_CONFIG] the storage directory DIR/store is in use by process ${server.pid}: stop that server, or name another directory with --storage\n`,
    ]);
  });

  it("with a local cache in the directory of a server with files", async () => {
    await using _ = await startServer({ storage: join(directory.path, "store") });
    const storage = ["--storage", "s3://bucket", "--local-cache", "store"];
    expect(await run("--endpoint", FREE, ...storage)).toEqual([
      78,
      "flame-object-cache: [INVALID_CONFIG] the local cache DIR/store cannot be used: it is the directory of a server with storage files; --local-cache names another\n",
    ]);
  });

  it("with a local cache of files", async () => {
    const [code, text] = await run("--endpoint", FREE, "--storage", "files", "--local-cache", "near");
    expect(code).toBe(78);
    expect(text).toContain("cache.local_cache needs storage s3://BUCKET/PREFIX");
  });

  it("with a port in use, and names the process that listens there", async () => {
    const holder = createServer();
    await new Promise<void>((resolve) => holder.listen(0, "127.0.0.1", resolve));
    onTestFinished(() => void holder.close());
    const { port } = holder.address() as { port: number };
    expect(await run("--endpoint", `grpc://127.0.0.1:${port}`)).toEqual([
      78,
      `flame-object-cache: [INVALID_CONFIG] cannot listen on 127.0.0.1, port ${port}: process ${process.pid} listens there; stop it, or name another port with --endpoint (port 0 takes a free one)\n`,
    ]);
  });

  it("with an address that is no interface's", async () => {
    const [code, text] = await run("--endpoint", "grpc://192.0.2.1:9090");
    expect(code).toBe(78);
    expect(text).toContain("192.0.2.1, port 9090: no network interface of this host has that address");
  });

  it("with a host name that has no address", async () => {
    // A label of more than 63 letters: no name server is asked.
    const host = "h".repeat(64);
    const [code, text] = await run("--endpoint", `grpc://${host}:9090`);
    expect(code).toBe(78);
    expect(text).toContain(
      `cannot listen on ${host}, port 9090: the host name has no address; --endpoint names another host`,
    );
  });

  it.each([["serve"], ["ls"]])("of %s with an endpoint without a scheme, and writes it out", async (verb) => {
    const [code, text] = await run(verb, "--endpoint", "localhost:9090");
    expect(code).toBe(78);
    expect(text).toContain("must begin with grpc://, or grpcs:// for TLS: write grpc://localhost:9090");
  });

  it.each([
    ["--port 9090", "unknown option '--port'", "serve", ": --endpoint grpc://HOST:PORT to listen on, "],
    ["verify", "missing required argument 'directory'", "verify", ")"],
    ["ls --al", "unknown option '--al'", "ls", ")"],
    ["put file --kye a/s/o", "required option '-k, --key <key>' not specified", "put", ")"],
  ])("of `%s`, and names the help that has the right one", async (line, problem, command, rest) => {
    const [code, text] = await run(...line.split(" "));
    expect(code).toBe(64);
    const help = `('flame-object-cache ${command} --help' lists its arguments and options${rest}`;
    expect(text).toContain(`error: ${problem}\n${help}`);
  });

  it("of ls without a server, and says how to start one", async () => {
    const [code, text] = await run("ls", "--endpoint", "grpc://127.0.0.1:1");
    expect(code).toBe(69);
    expect(text).toBe(
      "flame-object-cache: [UNREACHABLE] could not connect to the server: connect ECONNREFUSED 127.0.0.1:1 (grpc://127.0.0.1:1); start a server there with `flame-object-cache serve`, or name another with --endpoint\n",
    );
  });

  it("of ls with TLS at a server without, and says how to write the endpoint", async () => {
    await using server = await startServer({ storage: "none" });
    const [code, text] = await run("ls", "--endpoint", server.endpoint.replace("grpc://", "grpcs://"));
    expect(code).toBe(69);
    expect(text).toContain("could not connect to the server: wrong version number");
    expect(text).toContain("; the server speaks no TLS; write grpc:// for it\n");
  });

  it.each([
    ["verfy", "(Did you mean verify?)"],
    ["lss", "(Did you mean ls?)"],
    ["list", "(Did you mean ls?)"],
    ["start", "(Did you mean serve?)"],
    ["./data", "('flame-object-cache --help' lists the commands; --storage names a storage directory)"],
  ])("with the unknown verb %s, and suggests the nearest", async (verb, suggestion) => {
    expect(await run(verb, "x")).toEqual([64, `error: unknown command '${verb}'\n${suggestion}\n`]);
  });

  it.each([
    ["put nothere -k a/s/o", "flame-object-cache: nothere: no such file or directory (ENOENT)\n"],
    ["inspect nothere", "nothere: no such file\n"],
    ["inspect .", ".: is a directory, not a file; `verify` reads every object file below it\n"],
    ["verify nothere", "nothere: no such directory; give the directory of --storage\n"],
    ["verify file", "file: is a file, not a directory; use `inspect` for one file\n"],
  ])("of %s with the name of what is missing", async (line, text) => {
    expect(await run(...line.split(" "))).toEqual([66, text]);
  });

  it("with a configuration file that is missing", async () => {
    const [code, text] = await run("--config", "nothere.yaml");
    expect(code).toBe(78);
    expect(text).toContain('the configuration file does not exist: got "nothere.yaml" (--config)');
  });
});

it("a log directive that is no level and names no target is warned of", async () => {
  const [code, text] = await run("--log", "loud", "--storage", "", "--endpoint", FREE);
  expect(code).toBe(78);
  expect(text).toContain("log directive without effect: it is no level, and targets begin with flame_cache");
});

describe("verify of a wrong directory", () => {
  it("says that no server has used it", async () => {
    mkdirSync(join(directory.path, "other/deep"), { recursive: true });
    expect(await run("verify", "other")).toEqual([
      66,
      "other: contains no object files and is not a storage directory; give the directory of --storage\n",
    ]);
  });

  it("names the storage directory above it", async () => {
    mkdirSync(join(directory.path, "store/.staging"), { recursive: true });
    mkdirSync(join(directory.path, "store/app/session"), { recursive: true });
    const above = "contains no object files; the storage directory is DIR/store";
    expect(await run("verify", "store/app")).toEqual([66, `store/app: ${above}\n`]);
    expect(await run("verify", "store/app/session")).toEqual([66, `store/app/session: ${above}\n`]);
  });

  it("is content with a storage directory without objects", async () => {
    mkdirSync(join(directory.path, "store/.staging"), { recursive: true });
    expect(await run("verify", "store")).toEqual([0, "0 files, 0 damaged or incomplete\n"]);
  });
});

describe("npm start", () => {
  /** A checkout without its build, with or without its dependencies. */
  function checkout(hasDependencies: boolean): string {
    const copy = join(directory.path, `checkout-${hasDependencies}`);
    mkdirSync(join(copy, "scripts"), { recursive: true });
    for (const file of ["package.json", "scripts/start.mjs"]) cpSync(join(ROOT, file), join(copy, file));
    const modules = hasDependencies ? "node_modules" : "elsewhere";
    symlinkSync(join(ROOT, "node_modules"), join(copy, modules));
    return copy;
  }

  it.each([
    [true, "the command is not built (npm ran without its scripts): run `npm run build`, then `npm start`"],
    [false, "the dependencies are not installed: run `npm ci`, then `npm start`"],
  ])("says what is missing (dependencies installed: %s)", async (hasDependencies, message) => {
    const npm = { cwd: checkout(hasDependencies), env: cleanEnvironment({ PATH: pathOfNode() }) };
    await expect(promisify(execFile)("npm", ["start"], npm)).rejects.toMatchObject({
      code: 1,
      stderr: expect.stringContaining(`flame-object-cache: ${message}\n`),
    });
  });
});

function pathOfNode(): string {
  return `${dirname(process.execPath)}:/usr/local/bin:/usr/bin:/bin`;
}
