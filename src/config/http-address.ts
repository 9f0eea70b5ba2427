/**
 * Parses and formats the address of an HTTP listener: `HOST:PORT`, with or without `http://`, or
 * `none`.
 *
 * `https://HOST:PORT` uses the certificate of the cache's own endpoint. IPv6 addresses have brackets
 * in the text and none in the value.
 */
import { isIPv6 } from "node:net";
import { textSchema } from "./text-schema.ts";

export interface HttpAddress {
  readonly scheme: "http" | "https";
  readonly host: string;
  /** 0 picks a free port. */
  readonly port: number;
}

/** Of the admin listener. If its port is taken, the server starts without that listener. */
export const DEFAULT_ADMIN: HttpAddress = { scheme: "http", host: "127.0.0.1", port: 9091 };

const ADDRESS = /^(?:(https?):\/\/)?(\[[0-9a-f:.]+\]|[a-z0-9_](?:[a-z0-9._-]*[a-z0-9_])?):(\d{1,5})\/?$/i;
const PORT_MAX = 65_535;

/** The value `none` is null, so that it differs from a setting without a value. */
export const httpAddressSchema = textSchema((text, refuse): HttpAddress | null => {
  if (text.toLowerCase() === "none") return null;
  const [, scheme = "http", written = "", port] = ADDRESS.exec(text) ?? [];
  const host = written.startsWith("[") ? written.slice(1, -1) : written;
  const isAddress = written.startsWith("[") ? isIPv6(host) : host !== "";
  if (!isAddress || Number(port) > PORT_MAX)
    return refuse("must be HOST:PORT, https://HOST:PORT or none, such as 127.0.0.1:9091");
  return { scheme: scheme.toLowerCase() === "https" ? "https" : "http", host, port: Number(port) };
});

/** As a URL without a path. */
export function formatHttpAddress({ scheme, host, port }: HttpAddress): string {
  return `${scheme}://${isIPv6(host) ? `[${host}]` : host}:${port}`;
}
