import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { verify } from "../../../src/command/verify.ts";
import { parseObjectKey } from "../../../src/object/object-key.ts";
import { DiskStorage } from "../../../src/storage/disk/disk-storage.ts";
import { ANCESTOR_DIRECTORY } from "../../support/ancestor-directory.ts";
import { copyGoldenFile, Written, writeOwnFile } from "./object-files.ts";

let root: string;
let written: Written;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "flame-verify-"));
  written = new Written();
});
afterEach(() => {
  rmSync(root, { recursive: true });
});

const flip = (position: number) => (bytes: Buffer) => {
  bytes[position]! ^= 1;
  return bytes;
};

describe("verify", () => {
  it("is content with whole files of the cache and of clients, and prints nothing", async () => {
    await writeOwnFile(join(root, "app/one/a.arrow"), "value");
    await writeOwnFile(join(root, "app/one/.a.v7/8.arrow"), "patch");
    copyGoldenFile("nested.arrow", join(root, "app/two/b.arrow"));
    expect(await verify(root, written)).toBe("ok");
    expect(written.out).toBe("");
    expect(written.err).toBe("3 files, 0 damaged or incomplete\n");
  });

  it("names each file that is not whole in a line of its own, in order", async () => {
    await writeOwnFile(join(root, "app/s/flipped.arrow"), "x".repeat(1000), flip(700));
    await writeOwnFile(join(root, "app/s/cut.arrow"), "value", (bytes) => bytes.subarray(0, -1));
    await writeOwnFile(join(root, "app/s/whole.arrow"), "value");
    await writeOwnFile(join(root, "app/s/.whole.v7/8.arrow"), "patch", flip(300));
    await writeOwnFile(join(root, "app/s/\u009bodd.arrow"), "", () => Buffer.from("garbage"));
    await writeOwnFile(join(root, "app/s/stream.arrows"), "value");
    expect(await verify(root, written)).toBe("damaged");
    const lines = written.out.trimEnd().split("\n");
    expect(lines.map((line) => line.slice(0, line.indexOf(": ")))).toEqual([
      "app/s/.whole.v7/8.arrow",
      "app/s/cut.arrow",
      "app/s/flipped.arrow",
      "app/s/stream.arrows",
    ]);
    expect(lines.every((line) => line.includes("[OBJECT_CORRUPT]"))).toBe(true);
    expect(written.err).toBe("5 files, 4 damaged or incomplete\n");
  });

  it("finds a flipped bit wherever it is in a file that the cache wrote", async () => {
    let sizeBytes = 0;
    await writeOwnFile(join(root, "a/s/o.arrow"), "value", (bytes) => {
      sizeBytes = bytes.length;
      return bytes;
    });
    for (let position = 0; position < sizeBytes; position += 7) {
      await writeOwnFile(join(root, "a/s/o.arrow"), "value", flip(position));
      expect([position, await verify(root, written)]).toEqual([position, "damaged"]);
    }
  });

  it("passes over what is no object: staging, quarantine, other files, files at other depths", async () => {
    await writeOwnFile(join(root, ".staging/x.arrow"), "", () => Buffer.from("garbage"));
    await writeOwnFile(join(root, "app/s/notes.txt"), "", () => Buffer.from("garbage"));
    await writeOwnFile(join(root, "app/o.arrow"), "", () => Buffer.from("garbage"));
    await writeOwnFile(join(root, "app/s/deep/o.arrow"), "", () => Buffer.from("garbage"));
    expect(await verify(root, written)).toBe("ok");
    expect(written.err).toBe("0 files, 0 damaged or incomplete\n");
  });

  it("takes a directory of the Rust cache for whole, patches included", async () => {
    expect(await verify(ANCESTOR_DIRECTORY, written)).toBe("ok");
    const files = readdirSync(ANCESTOR_DIRECTORY, { recursive: true, encoding: "utf8" });
    const count = files.filter((name) => name.endsWith(".arrow")).length;
    expect(written.err).toBe(`${count} files, 0 damaged or incomplete\n`);
  });

  it("shows what is in quarantine, why, and how to undo it, and does not take it for damage", async () => {
    const directory = new DiskStorage({ directory: root });
    await directory.start();
    await writeOwnFile(join(root, "app/s/o.arrow"), "value");
    await directory.quarantine(
      { key: parseObjectKey("app/s/o"), part: { kind: "file" } },
      "footer is cut off",
    );
    await directory.stop();
    writeFileSync(join(root, ".quarantine/older.arrow"), "");
    expect(await verify(root, written)).toBe("ok");
    const place = String.raw`\.quarantine/app/s/o\.arrow\.[0-9a-f-]{36}`;
    expect(written.out).toMatch(
      new RegExp(
        `^${place}: in quarantine, since [^ ]+Z: footer is cut off\n` +
          `  undo: mkdir -p 'app/s' && mv -n '${place}' 'app/s/o\\.arrow'\n` +
          String.raw`\.quarantine/older\.arrow: in quarantine, reason unknown` +
          "\n$",
      ),
    );
    expect(written.err).toBe("0 files, 0 damaged or incomplete, 2 in quarantine\n");
  });

  it("is content with a storage directory without objects", async () => {
    mkdirSync(join(root, ".staging"));
    expect(await verify(root, written)).toBe("ok");
  });

  it("says in one line that the directory cannot be read", async () => {
    expect(await verify(join(root, "nowhere"), written)).toBe("noInput");
    expect(written.err).toBe(`${root}/nowhere: no such directory; give the directory of --storage\n`);
    writeFileSync(join(root, "file"), "");
    expect(await verify(join(root, "file"), written)).toBe("noInput");
  });

  it("counts a directory in a file's place as nothing", async () => {
    mkdirSync(join(root, "app/s/o.arrow"), { recursive: true });
    mkdirSync(join(root, ".staging"));
    expect(await verify(root, written)).toBe("ok");
  });
});
