/**
 * Who is at the other end of a connection, as far as its addresses tell.
 */
import type { Socket } from "node:net";

const LOOPBACK = /^(?:::ffff:)?127\.|^::1$/;

/** `ipv4:127.0.0.1:5123`, for the log. */
export function formatPeer({ remoteFamily, remoteAddress, remotePort }: Socket): string {
  return `${remoteFamily === "IPv6" ? "ipv6" : "ipv4"}:${remoteAddress}:${remotePort}`;
}

/** True for the addresses of a connection that this host made to itself: a loopback one, or the very address it dialled. */
export function isOwnAddress({
  remoteAddress,
  localAddress,
}: {
  readonly remoteAddress?: string | undefined;
  readonly localAddress?: string | undefined;
}): boolean {
  if (remoteAddress === undefined) return false;
  return LOOPBACK.test(remoteAddress) || remoteAddress === localAddress;
}
