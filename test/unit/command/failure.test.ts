import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { EXIT_CODES } from "../../../src/command/exit-codes.ts";
import { describeFailure, VerbError } from "../../../src/command/failure.ts";
import { CacheError, ERROR_TABLE, type ErrorCode } from "../../../src/errors.ts";
import { GrpcError } from "../../../src/grpc/status.ts";

const at = (...endpoints: string[]) => endpoints.map((endpoint) => ({ endpoint }));

describe("a failure", () => {
  it.each(Object.keys(ERROR_TABLE) as ErrorCode[])(
    "%s is one line with its code, and never a mistake of ours",
    (code) => {
      const { outcome, text } = describeFailure(new CacheError(code, "first\nsecond"), at("grpc://h:1"));
      expect(text.startsWith(`[${code}] first\\u000asecond`)).toBe(true);
      expect(["ok", "internal"]).not.toContain(outcome);
    },
  );

  it.each([
    ["ECONNREFUSED", "start a server there with `flame-object-cache serve`, or name another with --endpoint"],
    ["ENOTFOUND", "the host name is unknown; name another with --endpoint"],
    ["ERR_HTTP2_ERROR", "is it a gRPC server? --endpoint names another"],
    ["ERR_SSL_WRONG_VERSION_NUMBER", "the server speaks no TLS; write grpc:// for it"],
    ["DEPTH_ZERO_SELF_SIGNED_CERT", "--ca-file names the certificate to trust"],
  ])("of a server that cannot be reached (%s) names the server and the next step", (code, next) => {
    const cause = Object.assign(new Error("why"), { code });
    const error = new CacheError("UNREACHABLE", "gone", { cause });
    expect(describeFailure(error, at("grpc://a:1", "grpc://b:2", "grpc://a:1"))).toEqual({
      outcome: "unavailable",
      text: `[UNREACHABLE] gone (grpc://a:1 or grpc://b:2); ${next}`,
    });
  });

  it.each([
    ["grpc://a:1", "(grpc://a:1); if the server uses TLS, write grpcs://"],
    ["grpc+tls://a:1", "(grpc+tls://a:1)"],
  ])("of a connection to %s that ends without a reason asks for TLS if it began without", (endpoint, end) => {
    const { text } = describeFailure(new CacheError("UNREACHABLE", "gone"), at(endpoint));
    expect(text).toBe(`[UNREACHABLE] gone ${end}`);
  });

  it.each([
    [undefined, "set FLAME_CACHE_TOKEN, or name a file that contains the token with --token-file"],
    [
      "FLAME_CACHE_TOKEN",
      "the token from FLAME_CACHE_TOKEN is not accepted: set FLAME_CACHE_TOKEN, or name a file that contains the token with --token-file",
    ],
  ])("of credentials names the server, and how to give others (token from %s)", (tokenSource, next) => {
    const caches = [{ endpoint: "grpc://a:1", tokenSource }];
    const end = `the server says (grpc://a:1); ${next}`;
    expect(describeFailure(new CacheError("UNAUTHENTICATED", "the server says"), caches)).toEqual({
      outcome: "noPermission",
      text: `[UNAUTHENTICATED] ${end}`,
    });
    expect(describeFailure(new GrpcError("UNAUTHENTICATED", "the server says"), caches).text).toBe(
      `[UNAUTHENTICATED] ${end}`,
    );
  });

  it("of credentials for an endpoint in an argument says which option it takes", () => {
    const caches = [
      { endpoint: "grpc://a:1", tokenSource: "FLAME_CACHE_TOKEN" },
      { endpoint: "grpc://b:2", isForeign: true },
    ];
    expect(describeFailure(new CacheError("UNAUTHENTICATED", "no"), caches).text).toBe(
      "[UNAUTHENTICATED] no (grpc://a:1 or grpc://b:2); name a file that contains the token with --token-file: FLAME_CACHE_TOKEN is only sent to the cache of --endpoint",
    );
  });

  it("of permission says whose token it was", () => {
    const caches = [{ endpoint: "grpc://a:1", tokenSource: "--token-file" }];
    expect(describeFailure(new CacheError("PERMISSION_DENIED", "not this"), caches)).toEqual({
      outcome: "noPermission",
      text: "[PERMISSION_DENIED] not this (grpc://a:1); its access rules decide this; the token is from --token-file",
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
