/**
 * Checks whether a request is a gRPC call: POST, `application/grpc`, `te: trailers`.
 *
 * Failures of the first two get a plain HTTP answer, because such a client does not speak gRPC.
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

/** The HTTP answer to a request that is not gRPC, as a header block; undefined if it is gRPC. */
export function httpRefusal({ fields }: HeaderBlock): Buffer | undefined {
  if (fields.get(":method") !== "POST") return NOT_POST;
  return CONTENT_TYPE.test(fields.get("content-type") ?? "") ? undefined : NOT_GRPC;
}

/**
 * Checks the requirements that are specific to gRPC.
 * @throws {CacheError} INVALID_REQUEST if the client does not accept trailers, OBJECT_TOO_LARGE if
 *   its metadata exceeds callMetadataBytesMax or callFieldsMax
 */
export function checkCallHeaders(request: HeaderBlock): void {
  if (request.isFull) {
    throw new CacheError("OBJECT_TOO_LARGE", "the metadata of the call exceeds a limit of size or number", {
      facts: { sizeBytes: request.sizeBytes },
    });
  }
  if (request.fields.get("te") !== "trailers") {
    throw new CacheError("INVALID_REQUEST", "te: trailers is missing; a proxy may have removed it");
  }
}
