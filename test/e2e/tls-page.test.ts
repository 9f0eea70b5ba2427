/**
 * The commands of docs/tls.md, run as they stand in the order of the page: files are written, servers started, clients answered.
 *
 * Only the ports differ, so that tests can run side by side. A server runs until the next one starts. The keys of the identity
 * provider and a token of it are made here.
 */
import { execFile } from "node:child_process";
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { delimiter, join, resolve } from "node:path";
import { promisify } from "node:util";
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { cleanEnvironment } from "../support/clean-environment.ts";
import { pythonEnvironment } from "../support/python-environment.ts";
import { type RunningCommand, startCommand } from "../support/start-command.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";

const BLOCK = /^```(sh|yaml|python)\n([\s\S]*?)^```/gm;
const SERVE = /^flame-object-cache (serve .*)\n$/;
const FILE_NAME = /^# (\S+)\n/;
/** What the server logs, and a client prints, after the blocks that contain these words. */
const CONSEQUENCES: readonly { words: string; output: RegExp; log: RegExp }[] = [
  { words: "Bearer $TOKEN", output: /"objects":\[/, log: /keys of the identity provider read/ },
  { words: "echo", output: /over TLS|app\/session\/greeting/, log: /serving/ },
  { words: "renewed.pem", output: /^/, log: /certificate replaced/ },
  { words: "/healthz", output: /^ok\n$/, log: /serving/ },
  { words: "list_flights", output: /app/, log: /serving/ },
  { words: "cert_chain", output: /1/, log: /serving/ },
  { words: "", output: /^/, log: /^/ },
];

const run = promisify(execFile);
const environment = await pythonEnvironment();
const python = "python" in environment ? environment.python : "true";
const directory = temporaryDirectory("tls-page");
const path = (name: string): string => join(directory.path, name);
const ports = await freePorts(2);
const blocks = [...readFileSync("docs/tls.md", "utf8").matchAll(BLOCK)].map(([, language, text]) => ({
  language: language as "sh" | "yaml" | "python",
  text: text!.replaceAll("9090", `${ports[0]}`).replaceAll("9091", `${ports[1]}`),
}));
let server: RunningCommand | undefined;

async function freePorts(count: number): Promise<number[]> {
  const holders = Array.from({ length: count }, () => createServer().listen(0, "127.0.0.1"));
  await Promise.all(holders.map((holder) => new Promise((done) => holder.once("listening", done))));
  const found = holders.map((holder) => (holder.address() as { port: number }).port);
  await Promise.all(holders.map((holder) => new Promise((done) => holder.close(done))));
  return found;
}

async function makeProvider(): Promise<string> {
  const { publicKey, privateKey } = await generateKeyPair("ES256");
  writeFileSync(path("keys.json"), JSON.stringify({ keys: [{ ...(await exportJWK(publicKey)), kid: "1" }] }));
  return await new SignJWT({ sub: "service-account-7" })
    .setProtectedHeader({ alg: "ES256", kid: "1" })
    .setIssuer("https://issuer.example.org")
    .setAudience("flame-object-cache")
    .setExpirationTime("1h")
    .sign(privateKey);
}

/** In a shell that knows what earlier blocks have exported. */
async function runShell(text: string): Promise<string> {
  const script = `set -euo pipefail; . ./exports; ${text}\nexport -p > exports`;
  const PATH = `${path("bin")}${delimiter}${process.env.PATH}`;
  const env = cleanEnvironment({ PATH, FLAME_HOME: directory.path });
  return (await run("bash", ["-c", script], { cwd: directory.path, env })).stdout;
}

async function serve(args: string): Promise<string> {
  await stop();
  server = startCommand(args.split(" "), { directory: directory.path });
  const [line] = await server.wrote("stdout", /listening on .*\n/);
  return line;
}

async function stop(): Promise<void> {
  server?.signal("SIGTERM");
  await server?.ended;
}

function writeNamed(text: string): string {
  const name = FILE_NAME.exec(text)![1]!;
  writeFileSync(path(name), text);
  return name;
}

async function runBlock({ language, text }: (typeof blocks)[number]): Promise<string> {
  if (language === "yaml") return writeNamed(text);
  if (language === "python") return (await run(python, ["-c", text], { cwd: directory.path })).stdout;
  const args = SERVE.exec(text)?.[1];
  return args === undefined ? await runShell(text) : await serve(args);
}

describe.skipIf("missing" in environment && process.env.CI !== "true")("the page about TLS", () => {
  beforeAll(async () => {
    mkdirSync(path("bin"));
    const command = path("bin/flame-object-cache");
    writeFileSync(command, `#!/bin/sh\nexec "${process.execPath}" "${resolve("dist/cli.js")}" "$@"\n`);
    chmodSync(command, 0o755);
    writeFileSync(path("exports"), `export TOKEN=${await makeProvider()}\n`);
  });

  afterAll(async () => {
    await stop();
    directory.remove();
  });

  test.each(blocks.map((block, index) => [index + 1, block] as const))(
    "does in block %i what it says",
    async (_, block) => {
      const { output, log } = CONSEQUENCES.find(({ words }) => block.text.includes(words))!;
      expect(await runBlock(block)).toMatch(output);
      await server?.wrote("stderr", log);
    },
  );

  test("has blocks of every kind", () => {
    expect(new Set(blocks.map(({ language }) => language)).size).toBe(3);
    expect(blocks.filter(({ text }) => SERVE.test(text))).toHaveLength(4);
  });
});
