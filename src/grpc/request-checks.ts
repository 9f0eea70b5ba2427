/**
 * What a request must be before it is a gRPC call: POST, `application/grpc`, `te: trailers`.
 *
 * The first two are answered in HTTP's words, because who breaks them does not speak gRPC. The size of the metadata is
 * checked here as well, because node's own limit holds only for a peer that has acknowledged our settings.
 * Source: grpc/doc/PROTOCOL-HTTP2.md, "Requests".
 */
import { constants, type IncomingHttpHeaders, type OutgoingHttpHeaders } from "node:http2";
import { CacheError } from "../errors.ts";
import { LIMITS } from "../limits.ts";

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

/** What HTTP/2 counts for each field beside its name and value (RFC 9113, 6.5.2). */
const FIELD_OVERHEAD_BYTES = 32;

/**
 * Checks what only gRPC asks for.
 * @throws {CacheError} INVALID_REQUEST when the client cannot take trailers, OBJECT_TOO_LARGE when its metadata is over
 *   LIMITS.callMetadataBytesMax
 */
export function checkCallHeaders(headers: IncomingHttpHeaders): void {
  if (headers.te !== "trailers") {
    throw new CacheError("INVALID_REQUEST", "te: trailers is missing; is a proxy between us?");
  }
  let sizeBytes = 0;
  for (const name in headers) sizeBytes += name.length + String(headers[name]).length + FIELD_OVERHEAD_BYTES;
  if (sizeBytes > LIMITS.callMetadataBytesMax) {
    throw new CacheError("OBJECT_TOO_LARGE", "the metadata of the call is over the limit", {
      facts: { sizeBytes },
    });
  }
}
