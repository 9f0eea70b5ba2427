/**
 * Name and password for a token, as Flight servers with HTTP authentication do it: `authorization: Basic ...` goes out with a
 * Handshake, `authorization: Bearer ...` comes back in its headers or trailers and is sent with every later call.
 *
 * The password is only as safe as the connection: use TLS.
 * Source: RFC 7617; what Arrow's C++ client calls AuthenticateBasicToken.
 */
import { CacheError } from "../../errors.ts";
import type { ClientCall } from "../../grpc/client-call.ts";
import type { MetadataEntries } from "../../grpc/metadata.ts";
import { LIMITS } from "../../limits.ts";

const NAME = "authorization";

/** @throws {CacheError} INVALID_REQUEST when the name has a colon, which would end it */
export function basicAuthorization(username: string, password: string): MetadataEntries {
  if (username.includes(":")) throw new CacheError("INVALID_REQUEST", "a user's name has no colon");
  return { [NAME]: `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}` };
}

/**
 * Ends a Handshake and takes the token out of its answer.
 * @throws {CacheError | GrpcError} the server's error; UNAUTHENTICATED when its answer has no token
 */
export async function bearerAuthorization(call: ClientCall): Promise<MetadataEntries> {
  call.endRequests();
  try {
    // What it says beside the headers is of no meaning here.
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
