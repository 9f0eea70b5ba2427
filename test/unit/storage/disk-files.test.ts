import { execFileSync } from "node:child_process";
import fs from "node:fs";
import { describe, expect, it } from "vitest";
import { REASON_ENDING } from "../../../src/storage/disk/quarantine-reason.ts";
import { namesIn } from "../../support/scanned-names.ts";
import {
  named,
  openFiles,
  patchOf,
  patternBytes,
  publish,
  readWhole,
  scratchDirectory,
  startedDisk,
  tree,
  watchedLog,
} from "./scratch-directory.ts";

const MIB = 1024 * 1024;

async function scannedNames(storage: Awaited<ReturnType<typeof startedDisk>>): Promise<string[]> {
  const found: string[] = [];
  for await (const scanned of storage.scan()) {
    for (const { key, part } of namesIn(scanned)) {
      found.push(`${key.applicationId}/${key.sessionId}/${key.objectId} ${part.kind}`);
    }
  }
  return found.sort();
}

describe("an object on disk", () => {
  it("lies where other programs look for it, and the engine's own files do not", async () => {
    const directory = scratchDirectory();
    const storage = await startedDisk({ directory });
    await publish(storage, named("a/s/o.arrow"), Buffer.from("file"));
    await publish(storage, named("a/s/o", { kind: "stream" }), Buffer.from("stream"));
    await publish(storage, patchOf("a/s/o", 3, 4), Buffer.from("patch"));
    await storage.settle();
    expect(tree(directory)).toEqual([
      ...[".staging/", "a/", "a/s/", "a/s/.o.v3/", "a/s/.o.v3/4.arrow"],
      ...["a/s/o.arrow.arrow", "a/s/o.arrows"],
    ]);
  });

  it("written by another program is found", async () => {
    const directory = scratchDirectory();
    const storage = await startedDisk({ directory });
    fs.mkdirSync(`${directory}/app/session`, { recursive: true });
    fs.writeFileSync(`${directory}/app/session/uuid.arrow`, "written by a client");
    expect(String(await readWhole(storage, named("app/session/uuid")))).toBe("written by a client");
    expect(await scannedNames(storage)).toEqual(["app/session/uuid file"]);
  });

  it("that grew shorter under its reader is OBJECT_CORRUPT", async () => {
    const directory = scratchDirectory();
    const storage = await startedDisk({ directory });
    await publish(storage, named("a/s/o"), patternBytes(2 * MIB));
    const file = (await storage.open(named("a/s/o")))!;
    fs.truncateSync(`${directory}/a/s/o.arrow`, MIB);
    await expect(file.read(MIB - 5, 10)).rejects.toMatchObject({ code: "OBJECT_CORRUPT" });
    await expect(file.read(0, 2 * MIB)).rejects.toMatchObject({ code: "OBJECT_CORRUPT" });
    file.close();
  });

  it("is published also when somebody removed the staging directory, or its own", async () => {
    const directory = scratchDirectory();
    const storage = await startedDisk({ directory });
    await publish(storage, named("a/s/o"), Buffer.from("1"));
    for (const gone of [".staging", "a", "a/s"]) {
      fs.rmSync(`${directory}/${gone}`, { recursive: true, force: true });
      await publish(storage, named("a/s/o"), Buffer.from("2"));
      await publish(storage, named("a/s/large"), patternBytes(3 * MIB));
    }
    expect(await scannedNames(storage)).toEqual(["a/s/large file", "a/s/o file"]);
  });
});

describe("what is not an object", () => {
  it("is neither opened nor found", async () => {
    const directory = scratchDirectory();
    const storage = await startedDisk({ directory });
    await publish(storage, named("a/s/real"), Buffer.from("real"));
    await storage.settle();
    const session = `${directory}/a/s`;
    fs.symlinkSync(`${session}/real.arrow`, `${session}/link.arrow`);
    fs.symlinkSync("nowhere", `${session}/broken.arrow`);
    fs.mkdirSync(`${session}/directory.arrow`);
    execFileSync("mkfifo", [`${session}/pipe.arrow`]);
    for (const id of ["link", "broken", "directory", "pipe"]) {
      expect(await storage.open(named(`a/s/${id}`))).toBeUndefined();
    }
    expect(await storage.remove(named("a/s/directory"))).toBe(false);
    expect(await scannedNames(storage)).toEqual(["a/s/real file"]);
    expect(openFiles(directory)).toEqual([]);
  });

  it("is passed over by a scan, wherever it lies", async () => {
    const directory = scratchDirectory();
    const storage = await startedDisk({ directory });
    await publish(storage, named("a/s/o"), Buffer.from("x"));
    await publish(storage, patchOf("a/s/o", 1, 2), Buffer.from("x"));
    const files = [
      ...[
        "file.arrow",
        "a/file.arrow",
        "a/s/note.txt",
        "a/s/.o.v1/x.arrow",
        "a/s/.o.v1/note",
        "a/s/.o.v2/0.arrow",
      ],
      ...[".hidden/s/o.arrow", "a/.hidden/o.arrow", "a/s/.hidden.arrow", "a/s/sub/o.arrow", "*/s/o.arrow"],
      ...["a\\b/s/o.arrow", `a/s/${"n".repeat(240)}.arrow`, "a/s/a\u0007b.arrow", ".quarantine/a/s/o.arrow"],
    ];
    for (const file of files) {
      fs.mkdirSync(`${directory}/${file}/..`.replace(/\/[^/]+\/\.\.$/, ""), { recursive: true });
      fs.writeFileSync(`${directory}/${file}`, "foreign");
    }
    fs.symlinkSync(`${directory}/a`, `${directory}/linked-application`);
    fs.symlinkSync(`${directory}/a/s`, `${directory}/a/linked-session`);
    expect(await scannedNames(storage)).toEqual(["a/s/o file", "a/s/o patch"]);
    expect(await storage.listSessions("a")).toEqual(["s"]);
  });

  it("is a name that is not UTF-8, at each level", async () => {
    const directory = scratchDirectory();
    const storage = await startedDisk({ directory });
    await publish(storage, named("a/s/p\ufffd"), Buffer.from("x"));
    await storage.settle();
    const raw = (text: string): Buffer =>
      Buffer.concat([Buffer.from(`${directory}/`), Buffer.from(text, "latin1")]);
    fs.mkdirSync(raw("b\xff/s"), { recursive: true });
    fs.mkdirSync(raw("a/s\xff"));
    fs.mkdirSync(raw("a/s/.o\xff.v1"));
    for (const file of ["b\xff/s/o.arrow", "a/s\xff/o.arrow", "a/s/o\xff.arrow"])
      fs.writeFileSync(raw(file), "x");
    expect(await scannedNames(storage)).toEqual(["a/s/p\ufffd file"]);
  });
});

describe("directories", () => {
  it("go when their last object goes, and only then", async () => {
    const directory = scratchDirectory();
    const storage = await startedDisk({ directory });
    for (const key of ["a/s/o", "a/s/p", "a/t/o"]) await publish(storage, named(key), Buffer.from("x"));
    await storage.settle();
    await storage.remove(named("a/s/o"));
    await storage.settle();
    expect(tree(directory)).toContain("a/s/");
    await storage.remove(named("a/s/p"));
    await storage.settle();
    expect(tree(directory)).toEqual([".staging/", "a/", "a/t/", "a/t/o.arrow"]);
    await storage.quarantine(named("a/t/o"), "test");
    expect(tree(directory).filter((entry) => !entry.startsWith("."))).toEqual([]);
  });

  it("of patches go with the patches", async () => {
    const directory = scratchDirectory();
    const storage = await startedDisk({ directory });
    await publish(storage, patchOf("a/s/o", 1, 2), Buffer.from("x"));
    await publish(storage, patchOf("a/s/o", 1, 3), Buffer.from("x"));
    await storage.settle();
    expect(tree(directory)).toContain("a/s/.o.v1/3.arrow");
    await storage.remove(patchOf("a/s/o", 1, 2));
    await storage.remove(patchOf("a/s/o", 1, 3));
    await storage.settle();
    expect(tree(directory)).toEqual([".staging/"]);
  });
});

describe("quarantine", () => {
  it("keeps every damaged file under its own path, and says why in the log", async () => {
    const directory = scratchDirectory();
    const storage = await startedDisk({ directory });
    const log = watchedLog();
    const name = named(`a/s/${"n".repeat(200)}`);
    for (const text of ["first", "second"]) {
      await publish(storage, name, Buffer.from(text));
      await storage.quarantine(name, "footer is cut off");
    }
    const all = fs.readdirSync(`${directory}/.quarantine/a/s`);
    const kept = all.filter((file) => !file.endsWith(REASON_ENDING));
    expect(all).toEqual(kept.flatMap((file) => [file, `${file}${REASON_ENDING}`]).sort());
    const texts = kept.map((file) => fs.readFileSync(`${directory}/.quarantine/a/s/${file}`, "utf8"));
    expect(texts.sort()).toEqual(["first", "second"]);
    const line = { level: "error", path: `a/s/${"n".repeat(200)}.arrow`, reason: "footer is cut off" };
    expect(log()).toMatchObject([line, line]);
  });

  it("takes a patch, whatever its name's length", async () => {
    const storage = await startedDisk();
    const name = patchOf(`a/s/${"n".repeat(200)}`, Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER);
    await publish(storage, name, Buffer.from("x"));
    await storage.quarantine(name, "test");
    expect(await storage.open(name)).toBeUndefined();
  });
});

it("no file stays open, on any path", async () => {
  const directory = scratchDirectory();
  const storage = await startedDisk({ directory });
  for (const sizeBytes of [100, 3 * MIB]) {
    await publish(storage, named("a/s/o"), patternBytes(sizeBytes));
    await readWhole(storage, named("a/s/o"));
    await storage.open(named("a/s/missing"));
    const dropped = storage.stage();
    await dropped.append([patternBytes(sizeBytes)]);
    await dropped.discard();
    const closedUnderRead = (await storage.open(named("a/s/o")))!;
    const reading = closedUnderRead.read(0, sizeBytes);
    closedUnderRead.close();
    await reading;
  }
  await storage.raiseVersionFloor(3);
  await scannedNames(storage);
  await storage.scan()[Symbol.asyncIterator]().return?.();
  expect(openFiles(directory)).toEqual([]);
});

it("back-pressure begins when a second buffer is full while the first is being written", async () => {
  const storage = await startedDisk();
  const staged = storage.stage();
  expect(staged.append([patternBytes(MIB - 1)])).toBeUndefined();
  expect(staged.append([patternBytes(1)])).toBeUndefined();
  expect(staged.append([patternBytes(MIB - 1)])).toBeUndefined();
  const wait = staged.append([patternBytes(1)]);
  expect(wait).toBeInstanceOf(Promise);
  await wait;
  await staged.discard();
});

it("nothing is on disk of a small file before it is published", async () => {
  const directory = scratchDirectory();
  const storage = await startedDisk({ directory });
  const staged = storage.stage();
  staged.append([patternBytes(MIB - 1)]);
  expect(staged.overwrite(0, Buffer.from("x"))).toBeUndefined();
  expect(tree(directory)).toEqual([".staging/"]);
  await staged.discard();
});
