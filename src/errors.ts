/**
 * The error table: every failure a caller can meet, its gRPC status, and whether trying again can help.
 *
 * One class carries them all. The text of each error begins with its code in brackets, because some clients
 * collapse several gRPC statuses into one exception and the code is then all that tells them apart.
 * A programmer's mistake is not in this table: it is an assertion and leaves as `internal error`.
 */

interface ErrorRow {
  /** Name of the gRPC status the code travels as. */
  readonly status:
    | "CANCELLED"
    | "INVALID_ARGUMENT"
    | "DEADLINE_EXCEEDED"
    | "NOT_FOUND"
    | "ALREADY_EXISTS"
    | "PERMISSION_DENIED"
    | "RESOURCE_EXHAUSTED"
    | "ABORTED"
    | "UNIMPLEMENTED"
    | "INTERNAL"
    | "UNAVAILABLE"
    | "DATA_LOSS"
    | "UNAUTHENTICATED";
  /** True when the same call, unchanged, may succeed later. */
  readonly retryable: boolean;
  readonly meaning: string;
}

export const ERROR_TABLE = {
  INVALID_KEY: {
    status: "INVALID_ARGUMENT",
    retryable: false,
    meaning: "a key, prefix or one of its components breaks the rules for names",
  },
  INVALID_REQUEST: {
    status: "INVALID_ARGUMENT",
    retryable: false,
    meaning: "the call is not of a form the method takes",
  },
  INVALID_IPC: {
    status: "INVALID_ARGUMENT",
    retryable: false,
    meaning: "bytes that should be Arrow IPC or Flight messages are not",
  },
  UNKNOWN_ACTION: {
    status: "INVALID_ARGUMENT",
    retryable: false,
    meaning: "no action of this name is offered",
  },
  OBJECT_NOT_FOUND: { status: "NOT_FOUND", retryable: false, meaning: "no object at this key" },
  OBJECT_EXISTS: { status: "ALREADY_EXISTS", retryable: false, meaning: "an object is already at this key" },
  VERSION_CONFLICT: {
    status: "ABORTED",
    retryable: true,
    meaning: "the object was replaced while the call worked on it",
  },
  UNAUTHENTICATED: {
    status: "UNAUTHENTICATED",
    retryable: false,
    meaning: "the caller did not say who it is, or not truthfully",
  },
  PERMISSION_DENIED: {
    status: "PERMISSION_DENIED",
    retryable: false,
    meaning: "the caller may not do this to this key",
  },
  CANCELLED: { status: "CANCELLED", retryable: false, meaning: "the caller ended the call or went away" },
  DEADLINE_EXCEEDED: {
    status: "DEADLINE_EXCEEDED",
    retryable: true,
    meaning: "the call's deadline passed before it was done",
  },
  STORAGE_FULL: { status: "RESOURCE_EXHAUSTED", retryable: false, meaning: "no room left for the object" },
  OBJECT_TOO_LARGE: {
    status: "RESOURCE_EXHAUSTED",
    retryable: false,
    meaning: "the object or message is over a named limit",
  },
  OVERLOADED: { status: "UNAVAILABLE", retryable: true, meaning: "too many calls at once" },
  SHUTTING_DOWN: {
    status: "UNAVAILABLE",
    retryable: true,
    meaning: "the server is draining and takes no new calls",
  },
  UNREACHABLE: {
    status: "UNAVAILABLE",
    retryable: true,
    meaning: "the server cannot be reached, or the connection to it broke",
  },
  OBJECT_CORRUPT: {
    status: "DATA_LOSS",
    retryable: false,
    meaning: "the stored bytes of this object are damaged",
  },
  STORAGE_IO: { status: "INTERNAL", retryable: true, meaning: "the disk refused an operation" },
  NOT_IMPLEMENTED: { status: "UNIMPLEMENTED", retryable: false, meaning: "the server does not offer this" },
  INVALID_VALUE: {
    status: "INVALID_ARGUMENT",
    retryable: false,
    meaning: "a value to put has no form that every client can read",
  },
  UNREADABLE_VALUE: {
    status: "UNIMPLEMENTED",
    retryable: false,
    meaning: "the object is whole, but this client cannot make a value of it",
  },
  INVALID_CONFIG: {
    status: "INTERNAL",
    retryable: false,
    meaning: "a configuration value is wrong; the command exits with 78",
  },
} as const satisfies Record<string, ErrorRow>;

export type ErrorCode = keyof typeof ERROR_TABLE;

/** What is known about a failure, as fields: they go into the log, not into the text. */
export type ErrorFacts = Readonly<Record<string, string | number | bigint | boolean | undefined>>;

export interface CacheErrorOptions {
  readonly facts?: ErrorFacts;
  readonly cause?: unknown;
}

/** The one operating error of this project. `message` is `[CODE] text`. */
export class CacheError extends Error {
  override readonly name = "CacheError";
  readonly code: ErrorCode;
  readonly facts: ErrorFacts;

  /** @param text a sentence without the code; defaults to the meaning in the table. */
  constructor(code: ErrorCode, text?: string, options: CacheErrorOptions = {}) {
    super(
      `[${code}] ${text ?? ERROR_TABLE[code].meaning}`,
      "cause" in options ? { cause: options.cause } : {},
    );
    this.code = code;
    this.facts = options.facts ?? {};
  }

  /** The gRPC status of its code, by name. */
  get status(): (typeof ERROR_TABLE)[ErrorCode]["status"] {
    return ERROR_TABLE[this.code].status;
  }

  /** True when the same call, unchanged, may succeed later. */
  get retryable(): boolean {
    return ERROR_TABLE[this.code].retryable;
  }
}

/** True for a CacheError, of the given code when one is named. */
export function isCacheError(error: unknown, code?: ErrorCode): error is CacheError {
  return error instanceof CacheError && (code === undefined || error.code === code);
}

/** Stops a programmer's mistake where it happens; never used on input from outside. */
export function assert(condition: unknown, text: string): asserts condition {
  if (!condition) throw new Error(`assertion failed: ${text}`);
}
