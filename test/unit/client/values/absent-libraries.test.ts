import { describe, expect, it, vi } from "vitest";
import { resolveTableForm } from "../../../../src/client/values/arrow-libraries.ts";
import { decodeOpaque } from "../../../../src/client/values/decode-value.ts";
import { encodeValue } from "../../../../src/client/values/encode-value.ts";
import { IpcTable } from "../../../../src/client/values/ipc-table.ts";
import { goldenStream } from "../../arrow/golden.ts";
import { GOLDEN_VALUES } from "./golden-values.ts";

vi.mock("apache-arrow", () => {
  throw new Error("Cannot find package 'apache-arrow'");
});
vi.mock("@uwdata/flechette", () => {
  throw new Error("Cannot find package '@uwdata/flechette'");
});

describe("without an Arrow library", () => {
  it("tables come back as IPC bytes", async () => {
    const tables = await resolveTableForm(undefined);
    expect(tables).toBe("ipc");
    expect(await decodeOpaque(GOLDEN_VALUES.table, { tables, shared: false })).toBeInstanceOf(IpcTable);
  });

  it("IPC bytes are stored as a table", async () => {
    expect((await encodeValue(new IpcTable(goldenStream("nested")))).kind).toBe("table");
  });

  it.each([
    ["arrow", "apache-arrow"],
    ["flechette", "@uwdata/flechette"],
  ] as const)("one that is asked for is named: %s", async (form, name) => {
    await expect(resolveTableForm(form)).rejects.toThrow(
      `[INVALID_CONFIG] tables: "${form}" needs the package ${name}, which cannot be imported`,
    );
  });
});
