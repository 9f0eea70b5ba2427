/**
 * Answers a failed call over HTTP with `application/problem+json`.
 *
 * Source: RFC 9457. The member `code` is the code of the error table, and `detail` its text.
 */
import { randomUUID } from "node:crypto";
import type { ServerResponse } from "node:http";
import { CacheError, ERROR_TABLE, isCacheError } from "../../errors.ts";
import { logFor } from "../../log.ts";

const log = logFor("http");

const CODE_PREFIX = /^\[[A-Z_]+\] /;

/** Sends the error, or ends the connection if an answer has begun. */
export function answerProblem(response: ServerResponse, error: unknown): void {
  if (response.headersSent || response.destroyed) {
    response.destroy();
    return;
  }
  const { status, ...problem } = problemOf(error);
  const body = JSON.stringify({ ...problem, status });
  response.statusCode = status;
  response.setHeader("content-type", "application/problem+json");
  response.setHeader("content-length", Buffer.byteLength(body));
  if (isCacheError(error, "UNAUTHENTICATED")) response.setHeader("www-authenticate", "Bearer");
  if (isCacheError(error) && (error.retryable || error.facts.retryAfterMs !== undefined))
    response.setHeader("retry-after", retrySeconds(error));
  response.end(body);
}

/** At least one second, because the header has no fractions. */
function retrySeconds({ facts }: CacheError): number {
  return Math.max(1, Math.ceil(Number(facts.retryAfterMs ?? 0) / 1000));
}

interface Problem {
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code?: string;
}

function problemOf(error: unknown): Problem {
  if (error instanceof CacheError) {
    const { httpStatus, meaning } = ERROR_TABLE[error.code];
    const detail = error.message.replace(CODE_PREFIX, "");
    return { title: meaning, status: httpStatus, code: error.code, detail };
  }
  const id = randomUUID();
  log.error("internal error", { id, error });
  return { title: "internal error", status: 500, detail: `internal error ${id}, see the server's log` };
}
