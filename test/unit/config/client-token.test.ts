import { chmodSync, mkdirSync, renameSync, rmSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { inspect } from "node:util";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { fileToken, fixedToken } from "../../../src/config/client-token.ts";
import { CacheError } from "../../../src/errors.ts";
import { type TemporaryDirectory, temporaryDirectory } from "../../support/temporary-directory.ts";

const SECRET = "s3cret-and-long";
const LONG_AGO = new Date("2024-01-01T00:00:00Z");

let home: TemporaryDirectory;
let path: string;
let warnings: string[];

beforeEach(() => {
  home = temporaryDirectory("token");
  path = join(home.path, "token");
  warnings = [];
});
afterEach(() => home.remove());

function write(text: string, mode = 0o600): void {
  writeFileSync(path, text);
  // The process may have another mask for new files.
  chmodSync(path, mode);
}
const open = (file = path) => fileToken(file, "flame.yaml:7", (text) => void warnings.push(text));

/** Everything about the error that a program may print. */
function textOf(failing: () => unknown): string {
  try {
    failing();
  } catch (error) {
    expect(error).toBeInstanceOf(CacheError);
    return `${inspect(error, { depth: 9, showHidden: true })} ${JSON.stringify(error)}`;
  }
  throw new Error("it did not fail");
}

describe("a token", () => {
  it.each([
    ["nothing", ""],
    ["a space", `${SECRET} ${SECRET}`],
    ["a line end", `${SECRET}\r\nflame-durability: restart`],
    ["a letter beyond ASCII", `${SECRET}\u00fc`],
    ["too much", `${SECRET}${"x".repeat(8192)}`],
  ])("that has %s is refused without being shown", (_what, text) => {
    const shown = textOf(() => fixedToken(text, "option token"));
    expect(shown).toContain("cache.token: a token must be 1 to 8192 visible ASCII characters (option token)");
    expect(shown).not.toContain(SECRET);
    write(text);
    const shownOfFile = textOf(open);
    expect(shownOfFile).toContain("cache.token_file: a token must be 1 to 8192 visible ASCII characters");
    expect(shownOfFile).not.toContain(SECRET);
  });

  it("appears in no inspection", () => {
    write(SECRET);
    for (const token of [fixedToken(SECRET, "option token"), open()]) {
      expect(token.current()).toBe(SECRET);
      expect(inspect(token, { depth: 9, showHidden: true }) + JSON.stringify(token)).not.toContain(SECRET);
    }
  });
});

describe("a token file", () => {
  it("may end with a line end, and may be as long as a token", () => {
    write(`${"x".repeat(8192)}\r\n`);
    expect(open().current()).toBe("x".repeat(8192));
  });

  it("is read again when it is replaced, rewritten in place, or reached by another link", () => {
    write("first\n");
    const token = open();
    expect(token.current()).toBe("first");
    write("again\n");
    expect(token.current()).toBe("again");
    writeFileSync(`${path}.new`, "third");
    renameSync(`${path}.new`, path);
    expect(token.current()).toBe("third");
    // As Kubernetes replaces a secret: a link to a directory is replaced.
    for (const name of ["one", "two"]) {
      mkdirSync(join(home.path, name));
      writeFileSync(join(home.path, name, "token"), name);
    }
    symlinkSync("one", join(home.path, "data"));
    const linked = open(join(home.path, "data", "token"));
    expect(linked.current()).toBe("one");
    symlinkSync("two", join(home.path, "data.new"));
    renameSync(join(home.path, "data.new"), join(home.path, "data"));
    expect(linked.current()).toBe("two");
  });

  it("is not read again while its time, size and inode stay the same", () => {
    write("first");
    utimesSync(path, LONG_AGO, LONG_AGO);
    const token = open();
    writeFileSync(path, "other");
    utimesSync(path, LONG_AGO, LONG_AGO);
    expect(token.current()).toBe("first");
    write("other");
    expect(token.current()).toBe("other");
  });

  it("leaves the last token in use while it is missing, empty or wrong", () => {
    write("first");
    const token = open();
    rmSync(path);
    expect(token.current()).toBe("first");
    write("");
    expect(token.current()).toBe("first");
    write("a b");
    expect(token.current()).toBe("first");
    write("second");
    expect(token.current()).toBe("second");
  });

  it("that does not exist is refused with its path and source", () => {
    expect(textOf(open)).toContain(`cache.token_file cannot be read: got "${path}", ENOENT (flame.yaml:7)`);
  });

  it("is warned of once if every user can read it", () => {
    write(SECRET, 0o644);
    open();
    open();
    expect(warnings).toEqual([
      `${path} contains a secret and every user of this host can read it: chmod o-r ${path}`,
    ]);
  });

  it("is not warned of if only its owner and group can read it", () => {
    write(SECRET, 0o640);
    open();
    expect(warnings).toEqual([]);
  });
});
