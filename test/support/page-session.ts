/**
 * Runs the code blocks of a documentation page as they stand, in the order of the page, in an empty
 * directory with the built command.
 *
 *     sh       runs in bash with what earlier blocks exported; `serve` at its end starts a server
 *     yaml     is written to the file that its first line names: `# NAME`
 *     python   the same, or it runs if its first line is no name
 *     others   are examples that do not run
 *
 * A line `# -> TEXT` shows a line of the output. Only ports differ, so that tests can run side by side.
 */
import { execFile } from "node:child_process";
import { appendFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { cleanEnvironment } from "./clean-environment.ts";
import { type RunningCommand, startCommand } from "./start-command.ts";
import { type TemporaryDirectory, temporaryDirectory } from "./temporary-directory.ts";

const BLOCK = /^```(sh|yaml|python)\n([\s\S]*?)^```/gm;
const SHOWN = /^# -> (.*)$/gm;
/** A block that ends with the start of a server. */
const SERVE = /^([\s\S]*?)^flame-object-cache (serve .*)\n(?:# -> .*\n)*(?![\s\S])/m;
const FILE_NAME = /^# ([\w.-]+\.\w+)\n/;
const DOCUMENTED_PORTS = ["9090", "9091"];

export interface PageBlock {
  readonly language: "sh" | "yaml" | "python";
  readonly text: string;
  /** Lines that the page shows as output. */
  readonly shown: readonly string[];
}

export interface PageOptions {
  /** The blocks of these sections only, by their titles. */
  readonly sections?: readonly string[];
  /** The interpreter for Python blocks, and for `python` in shell blocks. */
  readonly python: string;
}

export class PageSession {
  readonly directory: TemporaryDirectory;
  readonly blocks: readonly PageBlock[];
  /** What replaces the documented ports. */
  readonly ports: readonly number[];
  readonly #tools: TemporaryDirectory;
  #server: RunningCommand | undefined;

  private constructor(blocks: readonly PageBlock[], ports: readonly number[], python: string) {
    this.directory = temporaryDirectory("page");
    this.#tools = temporaryDirectory("page-tools");
    this.blocks = blocks;
    this.ports = ports;
    this.#addTool("flame-object-cache", `"${process.execPath}" "${resolve("dist/cli.js")}"`);
    this.#addTool("python", `"${python}"`);
    writeFileSync(join(this.#tools.path, "exports"), "");
    mkdirSync(join(this.#tools.path, "home"));
  }

  static async open(page: string, { sections, python }: PageOptions): Promise<PageSession> {
    const text = sectionsOf(readFileSync(page, "utf8"), sections);
    const ports = await freePorts(DOCUMENTED_PORTS.length);
    const ported = DOCUMENTED_PORTS.reduce((t, port, index) => t.replaceAll(port, `${ports[index]}`), text);
    const blocks = [...ported.matchAll(BLOCK)].map(([, language, code]) => ({
      language: language as PageBlock["language"],
      text: code!,
      shown: [...code!.matchAll(SHOWN)].map((match) => match[1]!),
    }));
    return new PageSession(blocks, ports, python);
  }

  path(name: string): string {
    return join(this.directory.path, name);
  }

  /** Runs a block. @returns the lines that it printed */
  async run({ language, text }: PageBlock): Promise<string[]> {
    const name = language === "sh" ? undefined : FILE_NAME.exec(text)?.[1];
    if (name !== undefined) {
      writeFileSync(this.path(name), text);
      return [];
    }
    if (language === "python") return await this.#shell(`python - <<'END'\n${text}\nEND`);
    const [, before = text, args] = SERVE.exec(text) ?? [];
    const lines = await this.#shell(before);
    return args === undefined ? lines : [...lines, await this.#serve(args)];
  }

  /** Waits until the running server, if there is one, has logged the text this often. */
  async logged(text: string, times = 1): Promise<void> {
    await this.#server?.wrote("stderr", new RegExp(`(?:${text}[\\s\\S]*?){${times}}`));
  }

  /** Stops the server. @returns its exit code */
  async stop(): Promise<number | null> {
    this.#server?.signal("SIGTERM");
    return (await this.#server?.ended) ?? null;
  }

  async close(): Promise<void> {
    await this.stop();
    this.directory.remove();
    this.#tools.remove();
  }

  /** A function of the shell: a program of this name elsewhere in PATH cannot come first. */
  #addTool(name: string, command: string): void {
    appendFileSync(join(this.#tools.path, "tools"), `${name}() { ${command} "$@"; }\n`);
  }

  async #shell(text: string): Promise<string[]> {
    const exports = join(this.#tools.path, "exports");
    const script = `set -euo pipefail; . ${exports}; . ${join(this.#tools.path, "tools")}\n${text}\nexport -p > ${exports}`;
    const env = cleanEnvironment({
      FLAME_HOME: join(this.#tools.path, "home"),
      PYTHONPATH: resolve("python"),
    });
    const { stdout } = await promisify(execFile)("bash", ["-c", script], { cwd: this.directory.path, env });
    return stdout.split("\n");
  }

  async #serve(args: string): Promise<string> {
    await this.stop();
    // Without a configuration file, the defaults on free ports.
    const [port, adminPort] = this.ports;
    const defaults = {
      FLAME_CACHE_ENDPOINT: `grpc://127.0.0.1:${port}`,
      FLAME_CACHE_ADMIN: `http://127.0.0.1:${adminPort}`,
    };
    const environment = {
      FLAME_HOME: join(this.#tools.path, "home"),
      ...(args.includes("--config") ? {} : defaults),
    };
    this.#server = startCommand(args.split(" "), { directory: this.directory.path, environment });
    const [line] = await this.#server.wrote("stdout", /listening on .*\n/);
    return line.trimEnd();
  }
}

function sectionsOf(text: string, titles: readonly string[] | undefined): string {
  if (titles === undefined) return text;
  const sections = text.split(/^(?=## )/m);
  return titles.map((title) => sections.find((section) => section.startsWith(`## ${title}\n`))!).join("");
}

async function freePorts(count: number): Promise<number[]> {
  const holders = Array.from({ length: count }, () => createServer().listen(0, "127.0.0.1"));
  await Promise.all(holders.map((holder) => new Promise((done) => holder.once("listening", done))));
  const found = holders.map((holder) => (holder.address() as { port: number }).port);
  await Promise.all(holders.map((holder) => new Promise((done) => holder.close(done))));
  return found;
}
