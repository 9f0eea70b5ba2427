/**
 * Refuses web pages that reach a loopback listener by DNS rebinding: the page's own host name is
 * made to resolve to this host, so the browser sees one origin and sends everything.
 *
 * A loopback listener answers to IP addresses and to names that no stranger can register: those
 * without a dot, and those below `localhost` and `internal`. With TLS the check is not needed: the
 * certificate does not have the page's name. Pure.
 * Source: RFC 6761, "Domain Name Reservation Considerations"; the ICANN resolution on `.internal`.
 */
import type { IncomingMessage } from "node:http";
import { isIP } from "node:net";
import { TLSSocket } from "node:tls";
import { CacheError } from "../../errors.ts";
import { isLoopbackAddress } from "../../grpc/peer-address.ts";

const RESERVED = [".localhost", ".internal"];

/**
 * @param isConfigured whether the header `host` is one of a configured origin
 * @throws {CacheError} PERMISSION_DENIED
 */
export function refuseReboundName(
  { socket, headers: { host } }: IncomingMessage,
  isConfigured: (host: string) => boolean,
): void {
  if (host === undefined || socket instanceof TLSSocket || !isLoopbackAddress(socket.localAddress ?? ""))
    return;
  if (isOwnName(host) || isConfigured(host)) return;
  throw new CacheError(
    "PERMISSION_DENIED",
    "the header host is not a name of a loopback listener: use localhost or an address, or see cors_origins",
  );
}

function isOwnName(host: string): boolean {
  const name = URL.parse(`http://${host}`)?.hostname.replace(/\.$/, "");
  if (name === undefined) return false;
  const isAddress = name.startsWith("[") || isIP(name) !== 0;
  return isAddress || !name.includes(".") || RESERVED.some((end) => name.endsWith(end));
}
