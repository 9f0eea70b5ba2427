/**
 * Defines every failure a caller can meet: its code, gRPC and HTTP status, and whether a retry can
 * help.
 *
 * `CacheError` is the only class. Each error text begins with the code in brackets, because some
 * clients map several gRPC statuses to one exception and can then tell them apart only by the code.
 * A programming error is not in this table: it is an assertion and is returned as `internal error`.
 */

interface ErrorRow {
  /** Name of the gRPC status that carries the code. */
  readonly status:
    | "CANCELLED"
    | "INVALID_ARGUMENT"
    | "DEADLINE_EXCEEDED"
    | "NOT_FOUND"
    | "RESOURCE_EXHAUSTED"
    | "FAILED_PRECONDITION"
    | "UNIMPLEMENTED"
    | "INTERNAL"
    | "UNAVAILABLE"
    | "DATA_LOSS"
    | "UNAUTHENTICATED"
    | "PERMISSION_DENIED";
  /** Status of an HTTP answer. */
  readonly httpStatus: number;
  /** True if the same call, unchanged, may succeed later. */
  readonly retryable: boolean;
  readonly meaning: string;
}

export const ERROR_TABLE = {
  INVALID_KEY: {
    status: "INVALID_ARGUMENT",
    httpStatus: 400,
    retryable: false,
    meaning: "a key, a prefix or one of their components is not a valid name",
  },
  INVALID_REQUEST: {
    status: "INVALID_ARGUMENT",
    httpStatus: 400,
    retryable: false,
    meaning: "the request does not have a form that the method accepts",
  },
  INVALID_IPC: {
    status: "INVALID_ARGUMENT",
    httpStatus: 422,
    retryable: false,
    meaning: "the bytes are not valid Arrow IPC or Flight messages",
  },
  UNKNOWN_ACTION: {
    status: "INVALID_ARGUMENT",
    httpStatus: 404,
    retryable: false,
    meaning: "the server has no action of this name",
  },
  OBJECT_NOT_FOUND: {
    status: "NOT_FOUND",
    httpStatus: 404,
    retryable: false,
    meaning: "no object at this key",
  },
  UNAUTHENTICATED: {
    status: "UNAUTHENTICATED",
    httpStatus: 401,
    retryable: false,
    meaning: "missing or invalid credentials",
  },
  PERMISSION_DENIED: {
    status: "PERMISSION_DENIED",
    httpStatus: 403,
    retryable: false,
    meaning: "the access rules do not allow the caller to do this",
  },
  QUOTA_EXCEEDED: {
    status: "RESOURCE_EXHAUSTED",
    httpStatus: 429,
    retryable: false,
    meaning: "an application or identity has used its quota",
  },
  PRECONDITION_FAILED: {
    status: "FAILED_PRECONDITION",
    httpStatus: 412,
    retryable: false,
    meaning: "the object does not have the version that the request requires",
  },
  METHOD_NOT_ALLOWED: {
    status: "UNIMPLEMENTED",
    httpStatus: 405,
    retryable: false,
    meaning: "the path does not accept this HTTP method",
  },
  NOT_ACCEPTABLE: {
    status: "INVALID_ARGUMENT",
    httpStatus: 406,
    retryable: false,
    meaning: "the object has no form of the requested media type",
  },
  UNSUPPORTED_MEDIA_TYPE: {
    status: "INVALID_ARGUMENT",
    httpStatus: 415,
    retryable: false,
    meaning: "the body has a media type or an encoding that cannot be stored",
  },
  RANGE_NOT_SATISFIABLE: {
    status: "INVALID_ARGUMENT",
    httpStatus: 416,
    retryable: false,
    meaning: "the requested range begins behind the end of the object",
  },
  CANCELLED: {
    status: "CANCELLED",
    httpStatus: 499,
    retryable: false,
    meaning: "the caller cancelled the call or disconnected",
  },
  DEADLINE_EXCEEDED: {
    status: "DEADLINE_EXCEEDED",
    httpStatus: 504,
    retryable: true,
    meaning: "the deadline passed before the call finished",
  },
  STORAGE_FULL: {
    status: "RESOURCE_EXHAUSTED",
    httpStatus: 507,
    retryable: false,
    meaning: "not enough space for the object",
  },
  OBJECT_TOO_LARGE: {
    status: "RESOURCE_EXHAUSTED",
    httpStatus: 413,
    retryable: false,
    meaning: "the object or message exceeds a limit",
  },
  OVERLOADED: {
    status: "UNAVAILABLE",
    httpStatus: 503,
    retryable: true,
    meaning: "too many concurrent calls",
  },
  SHUTTING_DOWN: {
    status: "UNAVAILABLE",
    httpStatus: 503,
    retryable: true,
    meaning: "the server is shutting down and accepts no new calls",
  },
  UNREACHABLE: {
    status: "UNAVAILABLE",
    httpStatus: 502,
    retryable: true,
    meaning: "the server cannot be reached, or the connection was lost",
  },
  OBJECT_CORRUPT: {
    status: "DATA_LOSS",
    httpStatus: 500,
    retryable: false,
    meaning: "the stored bytes of the object are damaged",
  },
  STORAGE_IO: { status: "INTERNAL", httpStatus: 500, retryable: true, meaning: "a disk operation failed" },
  STORAGE_UNAVAILABLE: {
    status: "UNAVAILABLE",
    httpStatus: 503,
    retryable: true,
    meaning: "the store that holds the objects cannot be reached, or does not answer in time",
  },
  NOT_IMPLEMENTED: {
    status: "UNIMPLEMENTED",
    httpStatus: 501,
    retryable: false,
    meaning: "the server does not implement this",
  },
  INVALID_VALUE: {
    status: "INVALID_ARGUMENT",
    httpStatus: 422,
    retryable: false,
    meaning: "the value cannot be encoded in a form that every client can read",
  },
  UNREADABLE_VALUE: {
    status: "UNIMPLEMENTED",
    httpStatus: 406,
    retryable: false,
    meaning: "the object is intact, but this client cannot decode its value",
  },
  INVALID_CONFIG: {
    status: "INTERNAL",
    httpStatus: 500,
    retryable: false,
    meaning: "a configuration value is wrong; the command exits with 78",
  },
} as const satisfies Record<string, ErrorRow>;

export type ErrorCode = keyof typeof ERROR_TABLE;

/** Details of a failure as fields. They are logged; they are not part of the text. */
export type ErrorFacts = Readonly<Record<string, string | number | bigint | boolean | undefined>>;

export interface CacheErrorOptions {
  readonly facts?: ErrorFacts;
  readonly cause?: unknown;
}

/** The only error class for operating errors. `message` is `[CODE] text`. */
export class CacheError extends Error {
  override readonly name: string = "CacheError";
  readonly code: ErrorCode;
  readonly facts: ErrorFacts;

  /** @param text a sentence without the code; the default is the meaning in the table. */
  constructor(code: ErrorCode, text?: string, options: CacheErrorOptions = {}) {
    super(
      `[${code}] ${text ?? ERROR_TABLE[code].meaning}`,
      "cause" in options ? { cause: options.cause } : {},
    );
    this.code = code;
    this.facts = options.facts ?? {};
  }

  /** Name of the gRPC status of the code. */
  get status(): (typeof ERROR_TABLE)[ErrorCode]["status"] {
    return ERROR_TABLE[this.code].status;
  }

  /** True if the same call, unchanged, may succeed later. */
  get retryable(): boolean {
    return ERROR_TABLE[this.code].retryable;
  }
}

/** The caller's AbortSignal ended the operation: CANCELLED, the cause is the signal's reason. */
export class AbortError extends CacheError {
  override readonly name = "AbortError";

  constructor(signal: AbortSignal | undefined) {
    super("CANCELLED", "the operation was aborted", { cause: signal?.reason });
  }
}

/** True for a CacheError; if `code` is given, only for that code. */
export function isCacheError(error: unknown, code?: ErrorCode): error is CacheError {
  return error instanceof CacheError && (code === undefined || error.code === code);
}

/** Stops a programming error where it happens. Never used to check input from outside. */
export function assert(condition: unknown, text: string): asserts condition {
  if (!condition) throw new Error(`assertion failed: ${text}`);
}
