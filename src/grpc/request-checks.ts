/**
 * What a request must be before it is a gRPC call: POST, `application/grpc`, `te: trailers`.
 *
 * The first two are answered in HTTP's words, because who breaks them does not speak gRPC.
 * Source: grpc/doc/PROTOCOL-HTTP2.md, "Requests".
 */
import { CacheError } from "../errors.ts";
import type { HeaderBlock } from "../http2/hpack-decoder.ts";
import { encodeHeaderBlock } from "../http2/hpack-encoder.ts";

const CONTENT_TYPE = /^application\/grpc(?:$|[+;])/i;

const NOT_POST = encodeHeaderBlock([
  [":status", "405"],
  ["allow", "POST"],
]);
const NOT_GRPC = encodeHeaderBlock([
  [":status", "415"],
  ["accept-post", "application/grpc"],
]);

/** The HTTP answer to a request that is not gRPC, as a header block; undefined when it is. */
export function httpRefusal({ fields }: HeaderBlock): Buffer | undefined {
  if (fields.get(":method") !== "POST") return NOT_POST;
  return CONTENT_TYPE.test(fields.get("content-type") ?? "") ? undefined : NOT_GRPC;
}

/**
 * Checks what only gRPC asks for.
 * @throws {CacheError} INVALID_REQUEST when the client cannot take trailers, OBJECT_TOO_LARGE when its metadata is over
 *   callMetadataBytesMax or callFieldsMax
 */
export function checkCallHeaders(request: HeaderBlock): void {
  if (request.isFull) {
    throw new CacheError("OBJECT_TOO_LARGE", "the metadata of the call is over the limit of size or number", {
      facts: { sizeBytes: request.sizeBytes },
    });
  }
  if (request.fields.get("te") !== "trailers") {
    throw new CacheError("INVALID_REQUEST", "te: trailers is missing; is a proxy between us?");
  }
}
