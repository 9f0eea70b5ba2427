import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { EXIT_CODES } from "../../../src/command/exit-codes.ts";
import { describeFailure, VerbError } from "../../../src/command/failure.ts";
import { CacheError, ERROR_TABLE, type ErrorCode } from "../../../src/errors.ts";
import { GrpcError } from "../../../src/grpc/status.ts";

describe("a failure", () => {
  it.each(Object.keys(ERROR_TABLE) as ErrorCode[])(
    "%s is one line with its code, and never a mistake of ours",
    (code) => {
      const { outcome, text } = describeFailure(new CacheError(code, "first\nsecond"), ["grpc://h:1"]);
      expect(text.startsWith(`[${code}] first\\u000asecond`)).toBe(true);
      expect(["ok", "internal"]).not.toContain(outcome);
    },
  );

  it("of a server that cannot be reached names the server", () => {
    expect(describeFailure(new CacheError("UNREACHABLE", "gone"), ["grpc://a:1", "grpc://b:2"])).toEqual({
      outcome: "unavailable",
      text: "[UNREACHABLE] gone (grpc://a:1 or grpc://b:2)",
    });
  });

  it("of another Flight server comes with the status it gave", () => {
    expect(describeFailure(new GrpcError("NOT_FOUND", "no such flight"))).toEqual({
      outcome: "noInput",
      text: "[NOT_FOUND] no such flight",
    });
    expect(describeFailure(new GrpcError("UNKNOWN", "what")).outcome).toBe("serverFailure");
  });

  it("of the command's own is told as it is, and a mistake with its stack", () => {
    expect(describeFailure(new VerbError("noInput", "x: ENOENT"))).toEqual({
      outcome: "noInput",
      text: "x: ENOENT",
    });
    expect(describeFailure(new TypeError("oops"))).toMatchObject({
      outcome: "internal",
      text: expect.stringMatching(/TypeError: oops\n {4}at /),
    });
    expect(describeFailure("thrown")).toEqual({ outcome: "internal", text: "thrown" });
  });

  it("has the exit codes that docs/cli.md tells", () => {
    const document = readFileSync("docs/cli.md", "utf8");
    const rows = Object.values(EXIT_CODES).map(({ code, meaning }) => `| ${code} | ${meaning} |`);
    expect(document).toContain(`\n| exit code | meaning |\n| --- | --- |\n${rows.join("\n")}\n\n`);
  });
});
