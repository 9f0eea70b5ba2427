/**
 * What a request must be before it is a gRPC call: POST, `application/grpc`, `te: trailers`.
 *
 * The first two are answered in HTTP's words, because who breaks them does not speak gRPC.
 * Source: grpc/doc/PROTOCOL-HTTP2.md, "Requests".
 */
import { constants, type IncomingHttpHeaders, type OutgoingHttpHeaders } from "node:http2";
import { CacheError } from "../errors.ts";

const CONTENT_TYPE = /^application\/grpc(?:$|[+;])/i;

/** The HTTP answer to a request that is not gRPC, undefined when it is. */
export function httpRefusal(headers: IncomingHttpHeaders): OutgoingHttpHeaders | undefined {
  if (headers[":method"] !== "POST") {
    return { ":status": constants.HTTP_STATUS_METHOD_NOT_ALLOWED, allow: "POST" };
  }
  if (!CONTENT_TYPE.test(headers["content-type"] ?? "")) {
    return { ":status": constants.HTTP_STATUS_UNSUPPORTED_MEDIA_TYPE, "accept-post": "application/grpc" };
  }
  return undefined;
}

/**
 * Checks what only gRPC asks for.
 * @throws {CacheError} INVALID_REQUEST when the client cannot take trailers
 */
export function checkTrailersAccepted(headers: IncomingHttpHeaders): void {
  if (headers.te !== "trailers") {
    throw new CacheError("INVALID_REQUEST", "te: trailers is missing; is a proxy between us?");
  }
}
