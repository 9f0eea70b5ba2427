/**
 * Requests of web pages from other origins: the headers that let the configured ones in (CORS), and
 * a check that keeps others from writing.
 *
 * A browser sends some writes of any page without asking first (POST with a plain body). They carry
 * no token, but a server without access rules asks for none. So a write whose `Origin` is neither
 * this server nor configured is refused, unless it has an `authorization` header, which a page can
 * set only after a preflight request.
 * Source: the Fetch standard, "CORS protocol".
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { CacheError } from "../../errors.ts";
import { refuseReboundName } from "./loopback-names.ts";

const ANY = "*";
const READING = ["GET", "HEAD", "OPTIONS"];
const REQUEST_HEADERS =
  "authorization, content-type, accept, range, if-match, if-none-match, if-range, flame-durability, flame-ttl-seconds, flame-at-least-version";
const ANSWER_HEADERS =
  "etag, location, content-range, accept-ranges, content-length, expires, last-modified, retry-after, x-flame-kind, x-flame-version, x-flame-patches, x-flame-rows";
/** How long a browser may remember the answer to a preflight request, seconds. */
const PREFLIGHT_SECONDS = "600";

export class CrossOrigin {
  readonly #origins: readonly string[];

  /** @param origins as in `https://app.example`; `*` allows every origin; none: CORS is off. */
  constructor(origins: readonly string[]) {
    this.#origins = origins;
  }

  /** Sets the headers of an answer to a page of a configured origin. */
  mark({ headers }: IncomingMessage, response: ServerResponse): void {
    if (this.#origins.length === 0) return;
    response.setHeader("vary", "origin");
    const { origin } = headers;
    if (origin === undefined || !this.#isAllowed(origin)) return;
    response.setHeader("access-control-allow-origin", this.#origins.includes(ANY) ? ANY : origin);
    response.setHeader("access-control-expose-headers", ANSWER_HEADERS);
    response.setHeader("cross-origin-resource-policy", "cross-origin");
  }

  /**
   * Answers a preflight request.
   * @param methods of the path; none: there is nothing at the path.
   * @returns false if it is another request, or CORS is off.
   */
  answersPreflight(request: IncomingMessage, response: ServerResponse, methods: readonly string[]): boolean {
    const { origin, "access-control-request-method": wanted } = request.headers;
    if (request.method !== "OPTIONS" || wanted === undefined || methods.length === 0) return false;
    if (origin === undefined || !this.#isAllowed(origin)) return false;
    response.writeHead(204, {
      "access-control-allow-methods": methods.join(", "),
      "access-control-allow-headers": REQUEST_HEADERS,
      "access-control-max-age": PREFLIGHT_SECONDS,
    });
    response.end();
    return true;
  }

  /** @throws {CacheError} PERMISSION_DENIED for a write of a page from elsewhere. */
  refuseForeignWrite({ method = "GET", headers }: IncomingMessage): void {
    const { origin, host, authorization } = headers;
    if (origin === undefined || authorization !== undefined || READING.includes(method)) return;
    if (this.#isAllowed(origin) || URL.parse(origin)?.host === host) return;
    throw new CacheError("PERMISSION_DENIED", "web pages of this origin may not write; see cors_origins");
  }

  /** @throws {CacheError} PERMISSION_DENIED for a page whose host name was made to resolve to this host. */
  refuseReboundName(request: IncomingMessage): void {
    const hosts = this.#origins.map((origin) => URL.parse(origin)?.host);
    refuseReboundName(request, (host) => this.#origins.includes(ANY) || hosts.includes(host));
  }

  #isAllowed(origin: string): boolean {
    return this.#origins.includes(ANY) || this.#origins.includes(origin);
  }
}
