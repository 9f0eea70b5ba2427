import { describe, expect, it } from "vitest";
import { ColumnPrinter } from "../../../src/command/column-printer.ts";
import { cutToWidth, displayWidth, padToWidth } from "../../../src/command/display-text.ts";

const COLUMNS = [
  { title: "KEY", align: "left" },
  { title: "SIZE", align: "right" },
] as const;

function printed(hasHead: boolean): { printer: ColumnPrinter; lines: () => string[] } {
  let text = "";
  const printer = new ColumnPrinter(COLUMNS, hasHead, async (more) => {
    text += more;
  });
  return { printer, lines: () => text.split("\n").slice(0, -1) };
}

describe("columns", () => {
  it("are as wide as their widest cell, titles included", async () => {
    const { printer, lines } = printed(true);
    await printer.add(["a", "1"]);
    await printer.add(["long name", "12345"]);
    await printer.end();
    expect(lines()).toEqual(["KEY         SIZE", "a              1", "long name  12345"]);
  });

  it("end in no spaces when the last one is aligned to the left", async () => {
    let text = "";
    const printer = new ColumnPrinter([COLUMNS[1], COLUMNS[0]], false, async (more) => {
      text += more;
    });
    await printer.add(["1", "a"]);
    await printer.add(["2", "longer"]);
    await printer.end();
    expect(text).toBe("1  a\n2  longer\n");
  });

  it("are printed early when long texts are held back, and grow to no more than 1000", async () => {
    const { printer, lines } = printed(false);
    for (let row = 0; row < 3; row += 1) await printer.add(["k".repeat(500_000), "1"]);
    expect(lines()).toHaveLength(3);
    await printer.add(["k", "1"]);
    expect(lines()[3]).toHaveLength(1000 + "  1".length);
  });

  it("are printed while rows come, and only grow from then on", async () => {
    const { printer, lines } = printed(false);
    for (let row = 0; row < 600; row += 1) await printer.add(["ab", "1"]);
    expect(lines()).toHaveLength(600);
    await printer.add(["abcd", "1"]);
    await printer.add(["ab", "1"]);
    expect(lines().slice(-3)).toEqual(["ab  1", "abcd  1", "ab    1"]);
  });

  it("print nothing but the titles when no row comes", async () => {
    const { printer, lines } = printed(true);
    await printer.end();
    expect(lines()).toEqual(["KEY  SIZE"]);
  });
});

describe("text on a terminal", () => {
  it.each([
    ["abc", 3],
    ["日本", 4],
    ["e\u0301", 1],
    ["🙂", 2],
    ["…", 1],
  ])("takes the columns of its characters: %s", (text, width) => {
    expect(displayWidth(text)).toBe(width);
  });

  it("is cut to a width with a mark, never within a wide character", () => {
    expect(cutToWidth("abcdef", 6)).toBe("abcdef");
    expect(cutToWidth("abcdef", 5)).toBe("abcd…");
    expect(cutToWidth("日本語", 4)).toBe("日…");
    expect(cutToWidth("日本語", 6)).toBe("日本語");
  });

  it("is filled up by what it takes, not by its length", () => {
    expect(padToWidth("日", 4, "left")).toBe("日  ");
    expect(padToWidth("1", 3, "right")).toBe("  1");
  });
});
