import { execFileSync, spawnSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import { runCommand } from "./verb-fixture.ts";

const hasShell = (shell: string): boolean => spawnSync(shell, ["-c", "true"]).status === 0;

async function script(shell: string): Promise<string> {
  const { outcome, out, err } = await runCommand(["completion", shell]);
  expect([outcome, err]).toEqual(["ok", ""]);
  return out;
}

/** What bash offers behind these words; the last one is being typed. */
async function offeredByBash(...words: readonly string[]): Promise<string[]> {
  const line = ["flame-object-cache", ...words].map((word) => JSON.stringify(word)).join(" ");
  const ask = `COMP_WORDS=(${line}); COMP_CWORD=${words.length}; _flame_object_cache; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const output = execFileSync("bash", ["--norc", "-c", `${await script("bash")}\n${ask}`], {
    encoding: "utf8",
  });
  return output.split("\n").filter((offer) => offer !== "");
}

describe.skipIf(!hasShell("bash"))("completion in bash", () => {
  it("offers every command, and those that begin as typed", async () => {
    const all = await offeredByBash("");
    expect(all).toEqual(
      expect.arrayContaining(["serve", "put", "get", "cp", "ls", "stat", "cat", "rm", "completion"]),
    );
    expect(await offeredByBash("st")).toEqual(["stat", "stats"]);
  });

  it("offers a command's own options", async () => {
    expect(await offeredByBash("rm", "--y")).toEqual(["--yes"]);
    expect(await offeredByBash("get", "--f")).toEqual(["--format", "--force"]);
    expect(await offeredByBash("serve", "--st")).toEqual(["--storage"]);
  });

  it("offers the choices of a value, files where files are meant, and nothing where it cannot know", async () => {
    expect(await offeredByBash("put", "x", "--as", "")).toEqual(["auto", "json", "bytes", "table", "opaque"]);
    expect(await offeredByBash("completion", "z")).toEqual(["zsh"]);
    expect(await offeredByBash("put", "package.j")).toEqual(["package.json"]);
    expect(await offeredByBash("get", "k", "-o", "package.j")).toEqual(["package.json"]);
    expect(await offeredByBash("get", "package.j")).toEqual([]);
    expect(await offeredByBash("put", "x", "--key", "p")).toEqual([]);
  });
});

describe.skipIf(!hasShell("bash"))("completion of keys in bash", () => {
  it("offers what the cache has, and never runs what a key looks like", async () => {
    const cache = `flame-object-cache() { [ "$*" = "complete-keys -- a/" ] && printf '%s\\n' 'a/$(echo no)/' 'a/b c/'; }`;
    const ask = `COMP_WORDS=(flame-object-cache get a/); COMP_CWORD=2; _flame_object_cache; printf '%s\\n' "\${COMPREPLY[@]}"`;
    const output = execFileSync("bash", ["--norc", "-c", `${await script("bash")}\n${cache}\n${ask}`]);
    expect(output.toString()).toBe("a/$(echo no)/\na/b c/\n");
  });
});

describe("completion in zsh", () => {
  it.skipIf(!hasShell("zsh"))("is a script that the shell can read", async () => {
    const { status, stderr } = spawnSync("zsh", ["-n"], { input: await script("zsh"), encoding: "utf8" });
    expect([status, stderr]).toEqual([0, ""]);
  });
});

describe.skipIf(!hasShell("fish"))("completion in fish", () => {
  it("offers commands, options and choices", async () => {
    const offered = async (line: string): Promise<string[]> => {
      const ask = `${await script("fish")}\ncomplete -C ${JSON.stringify(line)}`;
      const output = execFileSync("fish", ["--no-config", "-c", ask], { encoding: "utf8" });
      return output.split("\n").flatMap((offer) => (offer === "" ? [] : [offer.split("\t")[0]!]));
    };
    expect(await offered("flame-object-cache st")).toEqual(["stat"]);
    expect(await offered("flame-object-cache rm --y")).toEqual(["--yes"]);
    expect(await offered("flame-object-cache put x --as o")).toEqual(["opaque"]);
    expect(await offered("flame-object-cache completion b")).toEqual(["bash"]);
  });
});

describe("the command completion", () => {
  it.each(["bash", "zsh", "fish"])("names every command and option in %s", async (shell) => {
    const text = await script(shell);
    for (const word of ["put", "completion", "yes", "ca-file", "network-interface"])
      expect(text).toContain(word);
  });

  it("refuses a shell that it does not know, and names those that it does", async () => {
    const { outcome, err } = await runCommand(["completion", "csh"]);
    expect(outcome).toBe("usage");
    expect(err).toContain("bash, zsh, fish");
  });
});
