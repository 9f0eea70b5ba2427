/**
 * Builds the access control of a configuration, and warns if a server without rules can be reached
 * from other hosts.
 */
import { isIP } from "node:net";
import { type AccessControl, OPEN_ACCESS } from "../access/access-control.ts";
import { FileAccess } from "../access/file-access.ts";
import type { QuotaTable } from "../access/quotas.ts";
import type { CacheConfig } from "../config/cache-config.ts";
import type { ResolvedAddresses } from "../config/network.ts";
import { isRemote } from "../config/storage-location.ts";
import { CacheError } from "../errors.ts";
import { isLoopbackAddress } from "../grpc/peer-address.ts";
import { logFor } from "../log.ts";

const log = logFor("access");

/** @throws {CacheError} INVALID_CONFIG if the access file cannot be used. */
export function openAccess({ access, storage }: Pick<CacheConfig, "access" | "storage">): AccessControl {
  const { file } = access;
  if (file === undefined) return OPEN_ACCESS;
  if (!isRemote(storage)) return new FileAccess(file);
  return new FileAccess(file, undefined, (quotas) => refuseHeldQuotas(quotas, file));
}

/** A quota that nobody keeps is worse than none. Rates are kept, by each server for its own puts. */
function refuseHeldQuotas({ applications, identities }: QuotaTable, file: string): void {
  const entries = [
    ...[...applications].map(([id, quota]) => ({ subject: `application ${JSON.stringify(id)}`, quota })),
    ...[...identities].map(([name, quota]) => ({ subject: `identity ${JSON.stringify(name)}`, quota })),
  ];
  const held = entries.find(({ quota: { bytes, objects } }) => (bytes ?? objects) !== undefined);
  if (held === undefined) return;
  const { subject } = held;
  const text = `the access file limits the bytes or objects of ${subject}, but with storage s3 no server counts what all of them hold: leave only puts_per_second and bytes_per_second in its quota (${file})`;
  throw new CacheError("INVALID_CONFIG", text, { facts: { subject, file } });
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
