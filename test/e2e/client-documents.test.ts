/**
 * The TypeScript of README.md, docs/client.md and docs/flight-client.md, pasted: it type-checks and runs against a server, in a project that has the package.
 */
import { execFile } from "node:child_process";
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { builtDoor } from "../support/built-package.ts";
import { cleanEnvironment } from "../support/clean-environment.ts";
import { type InProcessServer, startInProcess } from "../support/in-process-server.ts";
import { type TemporaryDirectory, temporaryDirectory } from "../support/temporary-directory.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

let project: TemporaryDirectory;
let server: InProcessServer;

beforeAll(async () => {
  await builtDoor();
  project = temporaryDirectory("documents");
  const modules = join(project.path, "node_modules");
  mkdirSync(modules);
  symlinkSync(ROOT, join(modules, "flame-object-cache"));
  for (const name of ["@types", "apache-arrow"])
    symlinkSync(join(ROOT, "node_modules", name), join(modules, name));
  server = await startInProcess(join(project.path, "storage"));
});

afterAll(async () => {
  await server.stop();
  project.remove();
});

/** The blocks of TypeScript in a document that speak of the client. */
function blocksOf(document: string): string[] {
  const blocks = [...readFileSync(document, "utf8").matchAll(/```ts\n([\s\S]*?)```/g)].map(
    (match) => match[1]!,
  );
  return blocks.filter((block) => !block.includes('from "flame-object-cache";'));
}

const TSC = [
  "--noEmit",
  "--strict",
  "--skipLibCheck",
  "--module",
  "nodenext",
  "--target",
  "es2023",
  "--types",
  "node",
];

/** @returns what the program prints. @throws when it does not type-check, or fails */
async function run(name: string, program: string): Promise<string> {
  const file = join(project.path, name);
  writeFileSync(file, program);
  const env = cleanEnvironment({ FLAME_CACHE_ENDPOINT: server.endpoint, FLAME_HOME: project.path });
  const tool = (command: string, args: readonly string[]) =>
    promisify(execFile)(join(ROOT, "node_modules", ".bin", command), args, { env, cwd: project.path });
  await tool("tsc", [...TSC, file]).catch(({ stdout }: { stdout: string }) => {
    throw new Error(stdout);
  });
  return (await tool("tsx", [file])).stdout;
}

/** What the comments behind calls of console.log say. */
function promised(program: string): string {
  return [...program.matchAll(/^console\.log\(.*\); \/\/ (.*)$/gm)].map((match) => `${match[1]}\n`).join("");
}

describe("the documents", () => {
  it("show in README.md a program that prints what it says", async () => {
    const [program = ""] = blocksOf("README.md");
    expect(promised(program).split("\n")).toHaveLength(3);
    expect(await run("readme.mts", program)).toBe(promised(program));
  });

  it("show in docs/client.md blocks that run one after the other", async () => {
    const blocks = blocksOf("docs/client.md");
    expect(blocks.length).toBeGreaterThan(5);
    expect(await run("client.mts", blocks.join("\n"))).toContain("as they are 2 ");
  });

  it("show in docs/flight-client.md a put and a get with a library's tables", async () => {
    const [program = ""] = blocksOf("docs/flight-client.md");
    const dialled = program.replace("grpc://127.0.0.1:9090", server.endpoint);
    expect((await run("flight-client.mts", dialled)).split("\n")).toContain("3");
  });
});
