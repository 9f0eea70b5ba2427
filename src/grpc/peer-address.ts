/**
 * The peer of a connection, derived from its addresses.
 *
 * A proxy on this host hides the real client.
 */
import type { Socket } from "node:net";

const LOOPBACK = /^(?:::ffff:)?127\.|^::1$/;

/** `ipv4:127.0.0.1:5123`, for the log. */
export function formatPeer({ remoteFamily, remoteAddress, remotePort }: Socket): string {
  return `${remoteFamily === "IPv6" ? "ipv6" : "ipv4"}:${remoteAddress}:${remotePort}`;
}

/** The address in the result of `formatPeer`. */
export function addressOfPeer(peer: string): string {
  return peer.slice(peer.indexOf(":") + 1, peer.lastIndexOf(":"));
}

/** True for an IP address of this host alone, also in its form as an IPv6 address. */
export function isLoopbackAddress(address: string): boolean {
  return LOOPBACK.test(address);
}

/**
 * True if this host connected to itself: over a loopback address, or to the address it connects
 * from.
 */
export function isOwnAddress({
  remoteAddress,
  localAddress,
}: {
  readonly remoteAddress?: string | undefined;
  readonly localAddress?: string | undefined;
}): boolean {
  if (remoteAddress === undefined) return false;
  return isLoopbackAddress(remoteAddress) || remoteAddress === localAddress;
}
