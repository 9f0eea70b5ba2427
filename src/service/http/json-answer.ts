/**
 * Answers a request with a small JSON document.
 *
 * The status and content headers are set here; the caller may have set others before.
 */
import type { ServerResponse } from "node:http";

export function answerJson(response: ServerResponse, status: number, value: unknown): void {
  answerJsonText(response, status, JSON.stringify(value));
}

/** @param json a document as text. */
export function answerJsonText(response: ServerResponse, status: number, json: string): void {
  // The line end is for terminals.
  const body = `${json}\n`;
  response.statusCode = status;
  response.setHeader("content-type", "application/json");
  response.setHeader("content-length", Buffer.byteLength(body));
  response.setHeader("cache-control", response.getHeader("cache-control") ?? "no-store");
  response.end(body);
}
