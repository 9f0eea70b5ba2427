import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import fs from "node:fs";
import path from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { DiskStorage } from "../../../src/storage/disk/disk-storage.ts";
import { REASON_ENDING } from "../../../src/storage/disk/quarantine-reason.ts";
import {
  named,
  publish,
  readWhole,
  scratchDirectory,
  startedDisk,
  tree,
  watchedLog,
} from "./scratch-directory.ts";

const INVALID_CONFIG = { code: "INVALID_CONFIG" };

describe("start", () => {
  it("makes the directory, however deep", async () => {
    const directory = path.join(scratchDirectory(), "a/b/c");
    const storage = await startedDisk({ directory });
    await publish(storage, named("a/s/o"), Buffer.from("x"));
    await storage.settle();
    expect(tree(directory)).toEqual([".staging/", "a/", "a/s/", "a/s/o.arrow"]);
  });

  it("takes a symbolic link to a directory", async () => {
    const directory = scratchDirectory();
    fs.mkdirSync(`${directory}/real`);
    fs.symlinkSync(`${directory}/real`, `${directory}/link`);
    const storage = await startedDisk({ directory: `${directory}/link` });
    await publish(storage, named("a/s/o"), Buffer.from("x"));
    await storage.settle();
    expect(tree(`${directory}/real`)).toContain("a/s/o.arrow");
  });

  it("removes what a process left staged, and counts it in the log", async () => {
    const directory = scratchDirectory();
    fs.mkdirSync(`${directory}/.staging/deep/er`, { recursive: true });
    fs.writeFileSync(`${directory}/.staging/one`, Buffer.alloc(1000));
    fs.writeFileSync(`${directory}/.staging/two`, Buffer.alloc(500));
    const log = watchedLog();
    await startedDisk({ directory });
    expect(tree(directory)).toEqual([".staging/"]);
    expect(log()).toMatchObject([
      { level: "warn", text: expect.stringContaining("staged files of an earlier process"), files: 3 },
    ]);
  });

  it("keeps objects, the floor and the quarantine of the process before", async () => {
    const directory = scratchDirectory();
    const first = await startedDisk({ directory });
    await publish(first, named("a/s/o"), Buffer.from("kept"));
    await publish(first, named("a/s/bad"), Buffer.from("bad"));
    await first.quarantine(named("a/s/bad"), "test");
    await first.raiseVersionFloor(41);
    await first.stop();
    const second = await startedDisk({ directory });
    expect(String(await readWhole(second, named("a/s/o")))).toBe("kept");
    expect(second.versionFloor).toBe(41);
    const kept = fs.readdirSync(`${directory}/.quarantine/a/s`);
    expect(kept.filter((file) => !file.endsWith(REASON_ENDING))).toHaveLength(1);
  });

  it.each([
    "",
    "x",
    "-1",
    "1.5",
    "1e3",
    " 7",
    "07",
    "7\n8",
    "9007199254740993",
    "99999999999999999999",
    "\u0000",
  ])("refuses a floor that reads %j", async (text) => {
    const directory = scratchDirectory();
    fs.writeFileSync(`${directory}/.version-floor`, text);
    const storage = new DiskStorage({ directory });
    await expect(storage.start()).rejects.toMatchObject(INVALID_CONFIG);
    fs.rmSync(`${directory}/.version-floor`);
    await storage.start();
    await storage.stop();
  });

  it("refuses a file, or a path through one, in place of the directory", async () => {
    const file = path.join(scratchDirectory(), "file");
    fs.writeFileSync(file, "");
    for (const directory of [file, `${file}/below`]) {
      await expect(new DiskStorage({ directory }).start()).rejects.toMatchObject(INVALID_CONFIG);
    }
  });

  it("refuses a staging directory that leads elsewhere", async () => {
    const directory = scratchDirectory();
    const elsewhere = scratchDirectory();
    fs.writeFileSync(`${elsewhere}/precious`, "");
    fs.symlinkSync(elsewhere, `${directory}/.staging`);
    await expect(new DiskStorage({ directory }).start()).rejects.toMatchObject(INVALID_CONFIG);
    expect(fs.readdirSync(elsewhere)).toEqual(["precious"]);
  });

  it("refuses a directory whose path leaves no room for names", async () => {
    const directory = path.join(scratchDirectory(), ...Array.from({ length: 20 }, () => "d".repeat(180)));
    await expect(new DiskStorage({ directory }).start()).rejects.toMatchObject(INVALID_CONFIG);
  });
});

describe("the directory", () => {
  it("belongs to one engine at a time, by whatever path it is reached", async () => {
    const directory = scratchDirectory();
    const link = path.join(scratchDirectory(), "link");
    fs.symlinkSync(directory, link);
    fs.mkdirSync(`${directory}/.staging`);
    const first = await startedDisk({ directory });
    fs.writeFileSync(`${directory}/.staging/of-the-first`, "");
    const second = new DiskStorage({ directory: link });
    await expect(second.start()).rejects.toMatchObject(INVALID_CONFIG);
    expect(fs.readdirSync(`${directory}/.staging`)).toEqual(["of-the-first"]);
    await first.stop();
    await second.start();
    await second.stop();
  });

  it("is shared by no two engines with directories of their own", async () => {
    const [first, second] = [await startedDisk(), await startedDisk()];
    await publish(first, named("a/s/o"), Buffer.from("x"));
    expect(await second.open(named("a/s/o"))).toBeUndefined();
  });

  it("is free again as soon as the process that had it was killed", async () => {
    const directory = scratchDirectory();
    const child = await processHolding(directory);
    await expect(new DiskStorage({ directory }).start()).rejects.toMatchObject(INVALID_CONFIG);
    const exited = once(child, "exit");
    child.kill("SIGKILL");
    await exited;
    await startedDisk({ directory });
  });

  it("does not keep a process alive that has nothing else to do", async () => {
    const script = `${engineScript(scratchDirectory())}\nconsole.log("started");`;
    const child = spawnNode(script);
    const [code] = (await once(child, "exit")) as [number];
    expect(code).toBe(0);
  });
});

describe("what is the engine's own", () => {
  const DIRECTORIES = [".staging", ".log", ".commits", ".quarantine", ".facts"];
  const FILES = [".version-floor", ".retention"];
  const link = (place: string): void => fs.symlinkSync(scratchDirectory(), place);
  const file = (place: string): void => fs.writeFileSync(place, "");
  const pipe = (place: string): void => void execFileSync("mkfifo", [place]);
  const directoryAt = (place: string): void => fs.mkdirSync(place);
  const cases = [
    ...DIRECTORIES.flatMap((name) =>
      [link, file, pipe].map((make) => ({ name, what: make.name, make, wanted: "directory" })),
    ),
    ...FILES.flatMap((name) =>
      [link, directoryAt, pipe].map((make) => ({ name, what: make.name, make, wanted: "file" })),
    ),
  ];

  it.each(cases)("refuses a $what in place of $name, and names it", async ({ name, make, wanted }) => {
    const directory = scratchDirectory();
    make(`${directory}/${name}`);
    const error: unknown = await new DiskStorage({ directory }).start().catch((each: unknown) => each);
    expect(error).toMatchObject({ ...INVALID_CONFIG, facts: { path: name } });
    expect((error as Error).message).toContain(`${name} is not a ${wanted} of its own`);
  });
});

/** A process that has the directory, ready. */
async function processHolding(directory: string): Promise<ChildProcess> {
  const child = spawnNode(
    `${engineScript(directory)}\nconsole.log("started");\nsetInterval(() => {}, 1000);`,
  );
  await once(child.stdout!, "data");
  return child;
}

function engineScript(directory: string): string {
  const engine = new URL("../../../src/storage/disk/disk-storage.ts", import.meta.url).href;
  return [
    `const { DiskStorage } = await import(${JSON.stringify(engine)});`,
    `await new DiskStorage({ directory: ${JSON.stringify(directory)} }).start();`,
  ].join("\n");
}

function spawnNode(script: string): ChildProcess {
  const child = spawn(process.execPath, ["--import", "tsx", "--input-type=module", "--eval", script], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  onTestFinished(() => {
    child.kill("SIGKILL");
  });
  return child;
}
