/**
 * The header that carries a client's token, and the warning if the network can read it.
 *
 * A token over plaintext is sent, with a warning: inside a service mesh, a VPN or a TLS proxy on
 * this host, a lower layer encrypts it, and the client cannot see that.
 * Source: RFC 6750, 2.1.
 */
import type { ClientToken } from "../../config/client-token.ts";
import { type Warn, warnOnce } from "../../config/warn-once.ts";
import type { MetadataEntries } from "../../grpc/metadata.ts";

/** The metadata of a call. Reads the token for each call, because it may change. */
export function bearerMetadata(token: ClientToken): () => MetadataEntries {
  return () => ({ authorization: `Bearer ${token.current()}` });
}

/** @param endpoint as clients dial it */
export function warnOfPlaintext(endpoint: string, isOnThisHost: boolean, warn: Warn): void {
  if (isOnThisHost || !endpoint.startsWith("grpc://")) return;
  warnOnce(
    `the token is sent to ${endpoint} without TLS: everyone on the network path can read it; use grpcs://`,
    warn,
  );
}
