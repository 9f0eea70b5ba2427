/**
 * Whether an endpoint is on this host: only then may its server name files for this process to open.
 *
 * A server elsewhere could name any path; it is not asked, and not believed. Host names count when they are `localhost` or the
 * host's own name: nothing is looked up. Containers on one host pass for one host here; the numbers of the file tell.
 */
import { hostname, networkInterfaces } from "node:os";

const LOOPBACK = /^(?:127\.\d+\.\d+\.\d+|::1|\[::1\]|localhost)$/i;

/** @param host name or address, an IPv6 address with or without brackets */
export function isThisHost(host: string): boolean {
  if (LOOPBACK.test(host) || host.toLowerCase() === hostname().toLowerCase()) return true;
  const address = host.replace(/^\[|\]$/g, "").toLowerCase();
  return Object.values(networkInterfaces()).some((addresses) =>
    addresses?.some((own) => own.address.toLowerCase() === address),
  );
}
