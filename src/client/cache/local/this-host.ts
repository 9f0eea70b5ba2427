/**
 * Whether an endpoint is on this host. Only then may its server name files for this process to
 * open.
 *
 * A server on another host could name any path, so it is never asked for paths. Host names count if
 * they are `localhost` or the name of this host; nothing is resolved. Containers on one host pass
 * for one host here, and the numbers of the file tell them apart.
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
