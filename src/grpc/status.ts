/**
 * gRPC status codes by name, and conversions between errors and statuses.
 *
 * Our own codes are defined in errors.ts; this file maps them to the numbers on the wire.
 * Source: grpc/doc/statuscodes.md; HTTP/2 resets by grpc/doc/PROTOCOL-HTTP2.md, "Errors"; HTTP
 * statuses by grpc/doc/http-grpc-status-mapping.md.
 */
import { CacheError, ERROR_TABLE, type ErrorCode } from "../errors.ts";

const STATUS_NAMES = [
  "OK",
  "CANCELLED",
  "UNKNOWN",
  "INVALID_ARGUMENT",
  "DEADLINE_EXCEEDED",
  "NOT_FOUND",
  "ALREADY_EXISTS",
  "PERMISSION_DENIED",
  "RESOURCE_EXHAUSTED",
  "FAILED_PRECONDITION",
  "ABORTED",
  "OUT_OF_RANGE",
  "UNIMPLEMENTED",
  "INTERNAL",
  "UNAVAILABLE",
  "DATA_LOSS",
  "UNAUTHENTICATED",
] as const;

export type StatusName = (typeof STATUS_NAMES)[number];

/** The end of a call: the status number, and the text before percent-encoding. */
export interface CallStatus {
  readonly code: number;
  readonly message: string;
}

export const STATUS_OK: CallStatus = { code: 0, message: "" };

export function statusCode(name: StatusName): number {
  return STATUS_NAMES.indexOf(name);
}

/** The name of a status number; UNKNOWN for unknown numbers. */
export function statusName(code: number): StatusName {
  return STATUS_NAMES[code] ?? "UNKNOWN";
}

/** The status of a CacheError. */
export function statusOf(error: CacheError): CallStatus {
  return { code: statusCode(ERROR_TABLE[error.code].status), message: error.message };
}

/** Error for a status of a server whose text contains none of our codes. */
export class GrpcError extends Error {
  override readonly name = "GrpcError";
  /** UNKNOWN also for a number without a name. */
  readonly status: StatusName;
  /** The status number. */
  readonly statusCode: number;

  /** @param message the server's text; if empty, the name of the status */
  constructor(status: StatusName, message: string, options: ErrorOptions & { statusCode?: number } = {}) {
    super(message === "" ? status : message, "cause" in options ? { cause: options.cause } : {});
    this.status = status;
    this.statusCode = options.statusCode ?? statusCode(status);
  }

  /** True if the same call, unchanged, may succeed later, as far as the status alone can show. */
  get retryable(): boolean {
    return this.status === "UNAVAILABLE";
  }
}

const CODED_TEXT = /^\[([A-Z_]+)\] ?/;

/** The error of a status other than OK: a CacheError if its text begins with one of our codes. */
export function errorOfStatus(status: CallStatus): CacheError | GrpcError {
  const found = CODED_TEXT.exec(status.message);
  const code = found?.[1];
  if (found !== null && code !== undefined && Object.hasOwn(ERROR_TABLE, code)) {
    return new CacheError(code as ErrorCode, status.message.slice(found[0].length));
  }
  return new GrpcError(statusName(status.code), status.message, { statusCode: status.code });
}

/** HTTP/2 reset codes by number (RFC 9113, 7). All others are INTERNAL. */
const RESET_STATUS: Readonly<Record<number, StatusName>> = {
  7: "UNAVAILABLE", // REFUSED_STREAM: nothing was processed
  8: "CANCELLED", // CANCEL
  11: "RESOURCE_EXHAUSTED", // ENHANCE_YOUR_CALM
  12: "PERMISSION_DENIED", // INADEQUATE_SECURITY
};

/** The error of a stream that was reset before its status. */
export function errorOfReset(resetCode: number): GrpcError {
  return new GrpcError(RESET_STATUS[resetCode] ?? "INTERNAL", `stream reset with HTTP/2 code ${resetCode}`);
}

const HTTP_STATUS: Readonly<Record<number, StatusName>> = {
  400: "INTERNAL",
  401: "UNAUTHENTICATED",
  403: "PERMISSION_DENIED",
  404: "UNIMPLEMENTED",
  429: "UNAVAILABLE",
  502: "UNAVAILABLE",
  503: "UNAVAILABLE",
  504: "UNAVAILABLE",
};

/** The error of an answer that is not gRPC. */
export function errorOfHttpStatus(httpStatus: number): GrpcError {
  return new GrpcError(
    HTTP_STATUS[httpStatus] ?? "UNKNOWN",
    `the server answered with HTTP status ${httpStatus}, not gRPC`,
  );
}
