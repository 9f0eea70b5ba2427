/**
 * Status names, numbers and errors.
 *
 * The numbers are those of grpc/doc/statuscodes.md.
 */
import { describe, expect, it } from "vitest";
import { CacheError, ERROR_TABLE, type ErrorCode } from "../../../src/errors.ts";
import {
  errorOfHttpStatus,
  errorOfReset,
  errorOfStatus,
  statusCode,
  statusName,
  statusOf,
} from "../../../src/grpc/status.ts";

const CODES = Object.keys(ERROR_TABLE) as ErrorCode[];

describe("statuses", () => {
  it.each([
    ["OK", 0],
    ["CANCELLED", 1],
    ["INVALID_ARGUMENT", 3],
    ["DEADLINE_EXCEEDED", 4],
    ["NOT_FOUND", 5],
    ["RESOURCE_EXHAUSTED", 8],
    ["UNIMPLEMENTED", 12],
    ["INTERNAL", 13],
    ["UNAVAILABLE", 14],
    ["DATA_LOSS", 15],
    ["UNAUTHENTICATED", 16],
  ] as const)("%s is %d on the wire", (name, code) => {
    expect(statusCode(name)).toBe(code);
    expect(statusName(code)).toBe(name);
  });

  it.each([17, -1, Number.NaN])("the unknown number %d is UNKNOWN", (code) => {
    expect(statusName(code)).toBe("UNKNOWN");
  });

  it.each(CODES)("%s travels as a status and comes back as itself", (code) => {
    const error = new CacheError(code, "what happened");
    const status = statusOf(error);
    expect(statusName(status.code)).toBe(ERROR_TABLE[code].status);
    expect(errorOfStatus(status)).toEqual(error);
  });

  it.each(["no code at all", "[NOT_OURS] text", "[toString] text", ""])(
    "a status whose text is %j is an error of its status",
    (message) => {
      expect(errorOfStatus({ code: 5, message })).toMatchObject({ name: "GrpcError", status: "NOT_FOUND" });
    },
  );

  it.each([
    [0, "INTERNAL"],
    [2, "INTERNAL"],
    [7, "UNAVAILABLE"],
    [8, "CANCELLED"],
    [11, "RESOURCE_EXHAUSTED"],
    [12, "PERMISSION_DENIED"],
    [99, "INTERNAL"],
  ])("a stream reset with %d is %s", (resetCode, status) => {
    expect(errorOfReset(resetCode).status).toBe(status);
  });

  it.each([
    [400, "INTERNAL"],
    [401, "UNAUTHENTICATED"],
    [404, "UNIMPLEMENTED"],
    [503, "UNAVAILABLE"],
    [418, "UNKNOWN"],
  ])("an HTTP answer %d is %s", (httpStatus, status) => {
    expect(errorOfHttpStatus(httpStatus).status).toBe(status);
  });
});
