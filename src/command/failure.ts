/**
 * Converts the failure of a verb to one line of text and the name of an exit code.
 *
 * The type of the first table ensures that each error code has an exit code. The second table maps
 * the gRPC statuses of other servers to the same names.
 */
import { CacheError, type ErrorCode, isCacheError } from "../errors.ts";
import { GrpcError, type StatusName } from "../grpc/status.ts";
import { escapeInvisible } from "../log-format.ts";
import type { DialledCache } from "./cache-endpoint.ts";
import type { ExitName } from "./exit-codes.ts";

const EXIT_OF_CODE: Readonly<Record<ErrorCode, ExitName>> = {
  INVALID_KEY: "usage",
  INVALID_REQUEST: "dataError",
  INVALID_IPC: "dataError",
  UNKNOWN_ACTION: "unavailable",
  OBJECT_NOT_FOUND: "noInput",
  UNAUTHENTICATED: "noPermission",
  PERMISSION_DENIED: "noPermission",
  QUOTA_EXCEEDED: "tryAgain",
  PRECONDITION_FAILED: "dataError",
  METHOD_NOT_ALLOWED: "unavailable",
  NOT_ACCEPTABLE: "dataError",
  UNSUPPORTED_MEDIA_TYPE: "dataError",
  RANGE_NOT_SATISFIABLE: "dataError",
  CANCELLED: "interrupted",
  DEADLINE_EXCEEDED: "tryAgain",
  STORAGE_FULL: "serverFailure",
  OBJECT_TOO_LARGE: "dataError",
  OVERLOADED: "tryAgain",
  SHUTTING_DOWN: "tryAgain",
  UNREACHABLE: "unavailable",
  OBJECT_CORRUPT: "damaged",
  STORAGE_IO: "serverFailure",
  STORAGE_UNAVAILABLE: "tryAgain",
  NOT_IMPLEMENTED: "unavailable",
  INVALID_VALUE: "dataError",
  UNREADABLE_VALUE: "dataError",
  INVALID_CONFIG: "config",
};

const EXIT_OF_STATUS: Partial<Record<StatusName, ExitName>> = {
  UNAVAILABLE: "unavailable",
  UNIMPLEMENTED: "unavailable",
  NOT_FOUND: "noInput",
  INVALID_ARGUMENT: "dataError",
  PERMISSION_DENIED: "noPermission",
  UNAUTHENTICATED: "noPermission",
  DEADLINE_EXCEEDED: "tryAgain",
  ABORTED: "tryAgain",
  CANCELLED: "interrupted",
  DATA_LOSS: "damaged",
};

/** A failure in the command itself: a missing file, a closed pipe, a missing option. */
export class VerbError extends Error {
  override readonly name = "VerbError";
  readonly outcome: ExitName;

  constructor(outcome: ExitName, text: string, options?: ErrorOptions) {
    super(text, options);
    this.outcome = outcome;
  }
}

export interface Failure {
  readonly outcome: ExitName;
  /** One line, or for a bug in the program the lines of the stack. */
  readonly text: string;
}

/** What the text of a failure says about a dialled cache. */
export type DialledFacts = Pick<DialledCache, "endpoint"> &
  Partial<Pick<DialledCache, "tokenSource" | "isForeign">>;

/** @param caches the dialled caches */
export function describeFailure(error: unknown, caches: readonly DialledFacts[] = []): Failure {
  if (error instanceof VerbError) return { outcome: error.outcome, text: escapeInvisible(error.message) };
  if (isCacheError(error)) {
    const next =
      error.code === "UNREACHABLE" ? describeUnreachable(error, caches) : describeAccess(error.code, caches);
    return { outcome: EXIT_OF_CODE[error.code], text: escapeInvisible(`${error.message}${next}`) };
  }
  if (error instanceof GrpcError) {
    return {
      outcome: EXIT_OF_STATUS[error.status] ?? "serverFailure",
      text: escapeInvisible(`[${error.status}] ${error.message}${describeAccess(error.status, caches)}`),
    };
  }
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return { outcome: "internal", text: stack.split("\n").map(escapeInvisible).join("\n") };
}

/** What was dialled, and what the user can do about it. */
function describeUnreachable({ cause }: CacheError, caches: readonly DialledFacts[]): string {
  const code = cause instanceof Error && "code" in cause ? String(cause.code) : undefined;
  return withNextStep(caches, code === undefined ? describeSilence(caches) : NEXT_STEPS[code]);
}

function withNextStep(caches: readonly DialledFacts[], next: string | undefined): string {
  const endpoints = [...new Set(caches.map(({ endpoint }) => endpoint))];
  const where = endpoints.length === 0 ? "" : ` (${endpoints.join(" or ")})`;
  return `${where}${next === undefined ? "" : `; ${next}`}`;
}

/** Nothing for codes that do not concern access. */
function describeAccess(code: string, caches: readonly DialledFacts[]): string {
  const sources = [...new Set(caches.flatMap(({ tokenSource }) => tokenSource ?? []))].join(" and ");
  if (code === "PERMISSION_DENIED") {
    const token = sources === "" ? "no token was sent" : `the token is from ${sources}`;
    return withNextStep(caches, `its access rules decide this; ${token}`);
  }
  if (code !== "UNAUTHENTICATED") return "";
  if (caches.some(({ tokenSource, isForeign }) => tokenSource === undefined && isForeign === true)) {
    return withNextStep(
      caches,
      "name a file that contains the token with --token-file: FLAME_CACHE_TOKEN is only sent to the cache of --endpoint",
    );
  }
  const next = "set FLAME_CACHE_TOKEN, or name a file that contains the token with --token-file";
  return withNextStep(caches, sources === "" ? next : `the token from ${sources} is not accepted: ${next}`);
}

/** A connection that ended without an error: a server with TLS closes those that begin without. */
function describeSilence(caches: readonly DialledFacts[]): string | undefined {
  const isPlain = caches.some(({ endpoint }) => endpoint.startsWith("grpc://"));
  return isPlain ? "if the server uses TLS, write grpcs://" : undefined;
}

const UNTRUSTED = "--ca-file names the certificate to trust";
const NO_CERTIFICATE = "the server requires a client certificate: --cert-file and --key-file name it";
const WRONG_CERTIFICATE =
  "the server rejects the client certificate: --cert-file and --key-file name another";

/** By the code of the system's or OpenSSL's error. */
const NEXT_STEPS: Readonly<Record<string, string>> = {
  ECONNREFUSED: "start a server there with `flame-object-cache serve`, or name another with --endpoint",
  ENOTFOUND: "the host name is unknown; name another with --endpoint",
  ERR_HTTP2_ERROR: "is it a gRPC server? --endpoint names another",
  ERR_SSL_WRONG_VERSION_NUMBER: "the server speaks no TLS; write grpc:// for it",
  DEPTH_ZERO_SELF_SIGNED_CERT: UNTRUSTED,
  SELF_SIGNED_CERT_IN_CHAIN: UNTRUSTED,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: UNTRUSTED,
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED: NO_CERTIFICATE,
  ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE: NO_CERTIFICATE,
  ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE: WRONG_CERTIFICATE,
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED: WRONG_CERTIFICATE,
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_UNKNOWN: WRONG_CERTIFICATE,
  ERR_SSL_TLSV1_ALERT_UNKNOWN_CA: WRONG_CERTIFICATE,
};

const FILE_REASONS: Readonly<Record<string, string>> = {
  ENOENT: "no such file or directory (ENOENT)",
  ENOTDIR: "a part of its path is a file (ENOTDIR)",
  EACCES: "permission denied (EACCES)",
  EISDIR: "it is a directory (EISDIR)",
};

/** The failure of a user's file: the path and the errno in words. */
export function fileFailure(outcome: ExitName, path: string, error: unknown): VerbError {
  const code = error instanceof Error && "code" in error ? String(error.code) : String(error);
  return new VerbError(outcome, `${path}: ${FILE_REASONS[code] ?? code}`, { cause: error });
}

/** The error of a call or read that ended because the user interrupted the command. */
export function cancelled(): CacheError {
  return new CacheError("CANCELLED", "interrupted");
}
