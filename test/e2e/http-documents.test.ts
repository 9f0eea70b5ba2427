/**
 * The examples of docs/http-api.md, run as they stand: shell blocks with curl, Python blocks in one interpreter, and what each
 * prints compared with the lines that the page shows for it.
 */
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { promisify } from "node:util";
import { beforeAll, describe, expect, it } from "vitest";
import { cleanEnvironment } from "../support/clean-environment.ts";
import { type HttpCache, httpCache, ownDirectory } from "../support/http-cache.ts";
import { type PythonEnvironment, pythonEnvironment } from "../support/python-environment.ts";

const DOCUMENT_URL = "http://127.0.0.1:9091";
const BLOCK = /^```(python|sh)\n([\s\S]*?)^```/gm;
const SHOWN = /^# -> (.*)$/gm;
const PROGRAMS_MS = 120_000;

const blocks = [...readFileSync("docs/http-api.md", "utf8").matchAll(BLOCK)].map(([, language, code]) => ({
  language: language!,
  code: code!,
  shown: [...code!.matchAll(SHOWN)].map((match) => match[1]!),
}));

const environment: PythonEnvironment = await pythonEnvironment();
const missing = "missing" in environment ? environment.missing : "";

describe.runIf(missing === "")("the page about the HTTP API", () => {
  let python = "";
  beforeAll(() => {
    python = "python" in environment ? environment.python : "";
  });

  async function run(program: string, args: readonly string[], directory: string): Promise<string> {
    const options = { cwd: directory, env: cleanEnvironment({ HOME: directory }), timeout: PROGRAMS_MS };
    const { stdout } = await promisify(execFile)(program, args, options);
    return stdout;
  }

  /** Blocks of one language before the given one run first: Python keeps its names. */
  function pythonUntil(index: number): string {
    return blocks
      .slice(0, index + 1)
      .filter(({ language }) => language === "python")
      .map(({ code }) => code)
      .join("\n");
  }

  async function outputsOf(cache: HttpCache): Promise<string[]> {
    const directory = ownDirectory();
    const outputs: string[] = [];
    for (const [index, { language, code }] of blocks.entries()) {
      const program = language === "sh" ? code : pythonUntil(index);
      const [name, ...args] = language === "sh" ? ["/bin/sh", "-euc"] : [python, "-c"];
      outputs.push(await run(name!, [...args, program.replaceAll(DOCUMENT_URL, cache.url)], directory));
    }
    return outputs;
  }

  it("has examples in the shell and in Python that print what they show", async () => {
    const outputs = await outputsOf(await httpCache());
    expect(new Set(blocks.map(({ language }) => language))).toEqual(new Set(["sh", "python"]));
    for (const [index, { shown }] of blocks.entries()) {
      const lines = outputs[index]!.split(/\n|(?<=\})(?=\{)/);
      for (const line of shown) expect(lines, `example ${index + 1}`).toContain(line);
    }
  });
});

describe.runIf(missing !== "")("the page about the HTTP API", () => {
  it.skip(`is not tested: ${missing}`, () => {});
});
