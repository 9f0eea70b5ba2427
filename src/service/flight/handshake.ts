/**
 * Handshake: exchanges a name and a password for a bearer token, and the credentials of all calls.
 *
 * The caller sends `authorization: Basic ...` and no message. The answer has no message either: its
 * trailers contain `authorization: Bearer ...`, where Arrow's clients look for it.
 * Source: RFC 7617; AuthenticateBasicToken of Arrow's C++ client.
 */
import type { AccessControl, Credentials } from "../../access/access-control.ts";
import { CacheError } from "../../errors.ts";
import type { ServerCall } from "../../grpc/call.ts";
import { addressOfPeer } from "../../grpc/peer-address.ts";

const HEADER = "authorization";

export function credentialsOf({ peer, metadata, clientCertificate }: ServerCall): Credentials {
  return {
    address: addressOfPeer(peer),
    authorization: metadata.get(HEADER),
    certificate: clientCertificate,
  };
}

/** @throws {CacheError} UNAUTHENTICATED; NOT_IMPLEMENTED if callers are not identified. */
export async function handshake(call: ServerCall, access: AccessControl): Promise<void> {
  if (access.issueToken === undefined) throw new CacheError("NOT_IMPLEMENTED");
  const token = await access.issueToken(credentialsOf(call));
  call.setTrailer(HEADER, `Bearer ${token}`);
}
