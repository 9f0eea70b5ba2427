/**
 * Decides which addresses the server listens on, and which address it advertises to clients.
 *
 * Every ObjectRef contains the advertised address, and other hosts dial it, so it is never a
 * wildcard. The regular expression only sees the first characters of a name, so that even a slow
 * one costs little.
 */
import { isIPv4 } from "node:net";
import { type NetworkInterfaceInfo, networkInterfaces } from "node:os";
import { CacheError } from "../errors.ts";
import { LIMITS } from "../limits.ts";
import { logFor } from "../log.ts";
import type { CacheConfig } from "./cache-config.ts";
import { type Endpoint, WILDCARD_HOSTS } from "./endpoint.ts";

export interface ResolvedAddresses {
  /**
   * The endpoint's own address first. With port 0, the others use the port that the first one got.
   */
  readonly listen: readonly { readonly host: string; readonly port: number }[];
  readonly advertisedHost: string;
}

export type InterfaceTable = NodeJS.Dict<NetworkInterfaceInfo[]>;

const log = logFor("config");
const LOOPBACK = "127.0.0.1";

/**
 * @throws {CacheError} INVALID_CONFIG if the expression matches no interface with an IPv4 address.
 */
export function resolveAddresses(
  config: Pick<CacheConfig, "endpoint" | "networkInterface"> & Partial<Pick<CacheConfig, "advertise">>,
  interfaces: InterfaceTable = networkInterfaces(),
): ResolvedAddresses {
  const { host, port } = config.endpoint;
  const isWildcard = WILDCARD_HOSTS.has(host);
  if (config.networkInterface !== undefined) {
    const advertisedHost = matchInterface(config.networkInterface, interfaces);
    const isCovered = isWildcard || host === advertisedHost;
    const listen = isCovered
      ? [{ host, port }]
      : [
          { host, port },
          { host: advertisedHost, port },
        ];
    return { listen, advertisedHost };
  }
  return {
    listen: [{ host, port }],
    advertisedHost: isWildcard ? externalHost(interfaces, config.advertise) : host,
  };
}

function matchInterface(pattern: string, interfaces: InterfaceTable): string {
  const expression = new RegExp(pattern);
  for (const [name, addresses] of Object.entries(interfaces)) {
    if (!expression.test(name.slice(0, LIMITS.interfaceNameLengthMax))) continue;
    const address = addresses?.find(hasIPv4);
    if (address !== undefined) return address.address;
  }
  const names = Object.keys(interfaces).filter((name) => interfaces[name]?.some(hasIPv4));
  throw new CacheError(
    "INVALID_CONFIG",
    `cache.network_interface must match an interface with an IPv4 address: got ${JSON.stringify(pattern)}, available: ${names.join(", ") || "none"}`,
    { facts: { key: "cache.network_interface", value: pattern } },
  );
}

function externalHost(interfaces: InterfaceTable, advertise: Endpoint | undefined): string {
  for (const addresses of Object.values(interfaces)) {
    const address = addresses?.find((candidate) => hasIPv4(candidate) && !candidate.internal);
    if (address !== undefined) return address.address;
  }
  if (advertise === undefined) {
    log.warn("no external IPv4 address, clients on other hosts cannot connect", { advertised: LOOPBACK });
  }
  return LOOPBACK;
}

function hasIPv4(address: NetworkInterfaceInfo): boolean {
  return isIPv4(address.address);
}
