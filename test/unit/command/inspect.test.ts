import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { inspect } from "../../../src/command/inspect.ts";
import { parseObjectKey } from "../../../src/object/object-key.ts";
import { formatReason } from "../../../src/storage/disk/quarantine-reason.ts";
import type { StoredName } from "../../../src/storage/object-storage.ts";
import { ancestorFile } from "../../support/ancestor-directory.ts";
import { copyGoldenFile, Written, writeOwnFile } from "./object-files.ts";

let root: string;
let file: string;
let written: Written;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "flame-inspect-"));
  file = join(root, "o.arrow");
  written = new Written();
});
afterEach(() => {
  rmSync(root, { recursive: true });
});

describe("inspect", () => {
  it("shows an opaque object of the cache", async () => {
    await writeOwnFile(file, "0123456789");
    expect(await inspect(file, written)).toBe("ok");
    expect(written.out).toMatch(
      /^kind {6}opaque\nversion {3}7\nrows {6}1\ndata {6}10 bytes\nfile {6}\d+ bytes\nwritten {3}by the cache, with checksum\nschema\n {2}"version" uint64 not null\n {2}"data" binary not null\nblocks\n {2}value at \d+: 10 bytes, compression none\n$/,
    );
  });

  it("shows a table that a client wrote, nested types and dictionaries included", async () => {
    copyGoldenFile("dictionaries.arrow", file);
    expect(await inspect(file, written)).toBe("ok");
    expect(written.out).toContain("kind      table\nversion   1\nrows      6\n");
    expect(written.out).toContain("written   by another program, without checksum\n");
    expect(written.out).toContain(
      '  "wide" dictionary<uint64> of utf8\n  "inner" list\n    "item" dictionary<int32> of utf8\n',
    );
    expect(written.out).toMatch(
      / {2}dictionary \d+ at \d+: \d+ rows, compression none, header \d+, body \d+ bytes\n/,
    );
    expect(written.out).toMatch(/ {2}batch at \d+: 3 rows, compression none, header \d+, body \d+ bytes\n/);
  });

  it("shows a value of the Rust cache in its own version, and how it is compressed", async () => {
    expect(await inspect(ancestorFile("team/jobs/patched.arrow"), written)).toBe("ok");
    expect(written.out).toContain("kind      opaque\nversion   3\nrows      1\n");
    expect(written.out).toMatch(/value at \d+: \d+ bytes, compression zstd\n/);
  });

  it("shows first why a file is in quarantine, and the command that puts it back", async () => {
    await writeOwnFile(file, "value");
    const name: StoredName = { key: parseObjectKey("app/s/it's"), part: { kind: "file" } };
    writeFileSync(`${file}.reason`, formatReason(name, ".quarantine/app/s/it's.arrow.1", "[X] two\nlines"));
    expect(await inspect(file, written)).toBe("ok");
    const [since, undo] = written.out.split("\n");
    expect(since).toMatch(/^quarantine since \d{4}-\d\d-\d\dT[\d:.]+Z: \[X\] two lines$/);
    expect(undo).toBe(
      "  undo    mkdir -p 'app/s' && mv -n '.quarantine/app/s/it'\\''s.arrow.1' 'app/s/it'\\''s.arrow'",
    );
  });

  it("shows schema metadata", async () => {
    copyGoldenFile("annotated.arrow", file);
    await inspect(file, written);
    expect(written.out).toContain('  metadata "kept" = "äöü"\n');
  });

  it.each([
    ["cut", (bytes: Buffer) => bytes.subarray(0, 100)],
    ["empty", () => Buffer.alloc(0)],
    ["garbage", () => Buffer.alloc(1000, "x")],
  ])("refuses a file that is %s in one line", async (_name, change) => {
    await writeOwnFile(file, "value", change);
    expect(await inspect(file, written)).toBe("damaged");
    expect(written.out).toBe("");
    expect(written.err).toMatch(/^[^\n]*o\.arrow: \[OBJECT_CORRUPT\] [^\n]+\n$/);
  });

  it.each([
    ["of text", (_: Buffer) => Buffer.from("text"), "not an Arrow IPC file: it does not begin with ARROW1"],
    ["cut off", (bytes: Buffer) => bytes.subarray(0, 100), "the file is incomplete: it has no footer"],
  ])("tells a file %s from others that have no footer", async (_name, change, text) => {
    await writeOwnFile(file, "value", change);
    expect(await inspect(file, written)).toBe("damaged");
    expect(written.err).toContain(`o.arrow: [OBJECT_CORRUPT] ${text}\n`);
  });

  it.each([
    ["nowhere.arrow", "no such file"],
    [".", "is a directory, not a file; `verify` reads every object file below it"],
  ])("says what stands in the place of a file: %s", async (name, text) => {
    expect(await inspect(join(root, name), written)).toBe("noInput");
    expect(written.err).toContain(text);
  });
});
