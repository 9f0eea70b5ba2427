/**
 * Exchanges name and password for a token, as Flight servers with HTTP authentication do. A
 * Handshake sends `authorization: Basic ...`. The server returns `authorization: Bearer ...` in its
 * headers or trailers, and every later call sends it.
 *
 * The password is only as safe as the connection: use TLS.
 * Source: RFC 7617; AuthenticateBasicToken of Arrow's C++ client.
 */
import { CacheError } from "../../errors.ts";
import type { ClientCall } from "../../grpc/client-call.ts";
import type { MetadataEntries } from "../../grpc/metadata.ts";
import { LIMITS } from "../../limits.ts";

const NAME = "authorization";

/** @throws {CacheError} INVALID_REQUEST if the name has a colon, which would end it */
export function basicAuthorization(username: string, password: string): MetadataEntries {
  if (username.includes(":")) throw new CacheError("INVALID_REQUEST", "a user name must not contain a colon");
  return { [NAME]: `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}` };
}

/**
 * Completes a Handshake and returns the token in its answer.
 * @throws {CacheError | GrpcError} the server's error; UNAUTHENTICATED if its answer has no token
 */
export async function bearerAuthorization(call: ClientCall): Promise<MetadataEntries> {
  call.endRequests();
  try {
    // The messages of the answer have no meaning here.
    for (let message = await call.responses.next(); message !== null; message = await call.responses.next()) {
      await message.collect(LIMITS.unaryMessageBytesMax);
    }
  } catch (error) {
    call.cancel();
    throw error;
  }
  const token = call.headers?.get(NAME) ?? call.trailers?.get(NAME);
  if (token === undefined) throw new CacheError("UNAUTHENTICATED", "the server answered without a token");
  return { [NAME]: token };
}
