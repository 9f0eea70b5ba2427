/**
 * Builds the access control of a configuration, and warns if a server without rules can be reached
 * from other hosts.
 */
import { isIP } from "node:net";
import { type AccessControl, OPEN_ACCESS } from "../access/access-control.ts";
import { FileAccess } from "../access/file-access.ts";
import type { CacheConfig } from "../config/cache-config.ts";
import type { ResolvedAddresses } from "../config/network.ts";
import { isLoopbackAddress } from "../grpc/peer-address.ts";
import { logFor } from "../log.ts";

const log = logFor("access");

/** @throws {CacheError} INVALID_CONFIG if the access file cannot be used. */
export function openAccess({ access }: Pick<CacheConfig, "access">): AccessControl {
  return access.file === undefined ? OPEN_ACCESS : new FileAccess(access.file);
}

/** Logs a warning if everyone who reaches this host may do everything. */
export function warnIfOpen(
  { access, admin, http }: Pick<CacheConfig, "access" | "admin" | "http">,
  { listen }: Pick<ResolvedAddresses, "listen">,
): void {
  if (access.file !== undefined) return;
  const open = [...listen, admin, http].flatMap((address) =>
    address === undefined || isLoopback(address.host) ? [] : [`${address.host}:${address.port}`],
  );
  if (open.length === 0) return;
  log.warn(
    "EVERYONE WHO REACHES THIS SERVER MAY READ, REPLACE AND DELETE EVERY OBJECT: it has no access rules; " +
      "`flame-object-cache token create` writes a file for --access-file, and --require-auth refuses to start without one",
    { addresses: open },
  );
}

function isLoopback(host: string): boolean {
  return isIP(host) === 0 ? host.toLowerCase() === "localhost" : isLoopbackAddress(host);
}
