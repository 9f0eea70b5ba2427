/**
 * The walk-through of docs/guide.md, run as it stands: its Python blocks in one interpreter, its TypeScript blocks in one module, in
 * the order of the page, and what each prints compared with the lines that the page shows for it.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface, type Interface } from "node:readline";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { builtDoor } from "../support/built-package.ts";
import { cleanEnvironment } from "../support/clean-environment.ts";
import { type InProcessServer, startInProcess } from "../support/in-process-server.ts";
import { pythonEnvironment } from "../support/python-environment.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";

const RUN_MS = 90_000;
const BLOCK = /^```(python|ts)\n([\s\S]*?)^```/gm;
const SHOWN = /^(?:#|\/\/) -> (.*)$/gm;
/** Printed when a block is done. */
const DONE = "-- the block is done --";

type Language = "python" | "ts";

interface Block {
  readonly language: Language;
  readonly code: string;
  readonly shown: readonly string[];
}

const blocks: Block[] = [...readFileSync("docs/guide.md", "utf8").matchAll(BLOCK)].map(
  ([, language, code]) => ({
    language: language as Language,
    code: code!,
    shown: [...code!.matchAll(SHOWN)].map((match) => match[1]!),
  }),
);

/** Runs one language's blocks, one whenever it is told to. */
const PYTHON_RUNNER = `
import json, sys
names = {"__name__": "__main__"}
for line in sys.stdin:
    exec(json.loads(line), names)
    print(${JSON.stringify(DONE)}, flush=True)
`;

/** The TypeScript blocks as one module that waits for a line before each. */
function typescriptModule(door: string): string {
  const bodies = blocks.filter(({ language }) => language === "ts").map(({ code }) => code);
  const waiting = bodies.map((code) => `await lines.next();\n${code}\nconsole.log(${JSON.stringify(DONE)});`);
  const head = `import { createInterface } from "node:readline";
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();`;
  return [head, ...waiting].join("\n").replaceAll('"flame-object-cache/client"', JSON.stringify(door));
}

class Runner {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  readonly #interface: Interface;
  #complaint = "";

  constructor(command: string, args: readonly string[], env: Record<string, string>) {
    this.#child = spawn(command, args, { env, stdio: ["pipe", "pipe", "pipe"] });
    this.#child.stderr!.on("data", (text: Buffer) => {
      this.#complaint += String(text);
    });
    this.#interface = createInterface({ input: this.#child.stdout! });
    this.#lines = this.#interface[Symbol.asyncIterator]();
  }

  /** @returns what the block prints. @throws with its error when it does not come to its end. */
  async run(code: string): Promise<string[]> {
    this.#child.stdin!.write(`${JSON.stringify(code)}\n`);
    const printed: string[] = [];
    for (;;) {
      const { value, done } = await this.#lines.next();
      if (done) throw new Error(`the block failed:\n${code}\n${this.#complaint}`);
      if (value === DONE) return printed;
      printed.push(value);
    }
  }

  stop(): void {
    this.#interface.close();
    this.#child.kill("SIGKILL");
  }
}

const environment = await pythonEnvironment();
const python = "python" in environment ? environment.python : "";
const absence = "missing" in environment ? environment.missing : undefined;
const directory = temporaryDirectory("guide");
const storage = temporaryDirectory("guide-storage");
let server: InProcessServer;
let runners: Record<Language, Runner>;

describe.skipIf(absence !== undefined && process.env.CI !== "true")("the guide", () => {
  beforeAll(async () => {
    const door = pathToFileURL((await builtDoor()).replace(/index\.js$/, "client/index.js")).href;
    server = await startInProcess(storage.path);
    const env = cleanEnvironment({ PYTHONPATH: "python", FLAME_CACHE_ENDPOINT: server.endpoint });
    const module = join(directory.path, "guide.mts");
    writeFileSync(module, typescriptModule(door));
    runners = {
      python: new Runner(python, ["-c", PYTHON_RUNNER], env),
      ts: new Runner(process.execPath, ["--import", "tsx", module], env),
    };
  });

  afterAll(async () => {
    for (const runner of Object.values(runners ?? {})) runner.stop();
    await server?.stop();
    directory.remove();
    storage.remove();
  });

  test.each(blocks.map((block, index) => [index + 1, block] as const))(
    "prints in block %i what the page shows",
    { timeout: RUN_MS },
    async (_, { language, code, shown }) => {
      expect(await runners[language].run(code)).toEqual(shown);
    },
  );

  test("shows blocks of both languages", () => {
    expect(new Set(blocks.map(({ language }) => language))).toEqual(new Set(["python", "ts"]));
  });
});
