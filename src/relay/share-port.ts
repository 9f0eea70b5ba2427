/**
 * Whether several threads can listen on one port, so that the system distributes the connections.
 *
 * Node supports this since 22.12 and 23.1. It works only on Linux: other systems refuse the option
 * or pass all connections to one listener.
 * Source: Node's documentation of `server.listen`, option `reusePort`; socket(7), SO_REUSEPORT.
 */

export interface Runtime {
  readonly platform: string;
  /** Such as `22.12.0`. */
  readonly version: string;
}

export function canSharePort({ platform, version }: Runtime = ourRuntime()): boolean {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const since: Readonly<Record<number, number>> = { 22: 12, 23: 1 };
  return platform === "linux" && major >= 22 && minor >= (since[major] ?? 0);
}

function ourRuntime(): Runtime {
  return { platform: process.platform, version: process.versions.node };
}
