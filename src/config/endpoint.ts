/**
 * Parses and formats endpoints: `grpc://HOST:PORT`, and `grpcs://` or `grpc+tls://` for TLS.
 *
 * Configuration files write `grpcs://` and clients write `grpc+tls://`; both are accepted
 * everywhere. `grpc+tcp://`, the spelling of Arrow Flight, means `grpc://`. The default port is
 * 9090. IPv6 addresses have brackets in the text and none in the value.
 */
import { isIPv6 } from "node:net";
import { type Refuse, textSchema } from "./text-schema.ts";

export interface Endpoint {
  readonly scheme: "grpc" | "grpcs";
  readonly host: string;
  readonly port: number;
}

export const DEFAULT_PORT = 9090;
/** A server can listen on these hosts, but clients cannot dial them. */
export const WILDCARD_HOSTS: ReadonlySet<string> = new Set(["0.0.0.0", "::", "0:0:0:0:0:0:0:0"]);

const SCHEMES: ReadonlyMap<string, Endpoint["scheme"]> = new Map([
  ["grpc", "grpc"],
  ["grpc+tcp", "grpc"],
  ["grpcs", "grpcs"],
  ["grpc+tls", "grpcs"],
]);
const ENDPOINT = /^([a-z][a-z0-9+.-]*):\/\/(\[[^\]]*\]|[^:/?#@[\]]*)(?::(\d{1,5}))?\/?$/i;
const PORT_ALONE = /^:?(\d{1,5})$/;
const WEB_ADDRESS = /^http(s?):\/\/(.+)$/i;
const MUST_BE = "must be grpc://HOST:PORT, or grpcs://HOST:PORT for TLS";
/** A longer text is not repeated in an error. */
const HINT_LENGTH_MAX = 100;
const HOST_NAME = /^[a-z0-9_](?:[a-z0-9._-]*[a-z0-9_])?\.?$/i;

export const endpointSchema = textSchema(readEndpoint);

/** An endpoint that clients dial: port 0 and wildcard hosts are rejected. */
export const advertisedEndpointSchema = textSchema(readAdvertised);

/** The same, or `none` (null). */
export const replicaEndpointSchema = textSchema((text, refuse) =>
  text.toLowerCase() === "none" ? null : readAdvertised(text, refuse),
);

function readAdvertised(text: string, refuse: Refuse): Endpoint {
  const endpoint = readEndpoint(text, refuse);
  if (endpoint.port === 0) return refuse("must have a port that clients can dial, not 0");
  if (WILDCARD_HOSTS.has(endpoint.host)) return refuse("must have a host that clients can dial");
  return endpoint;
}

function readEndpoint(text: string, refuse: Refuse): Endpoint {
  const match = ENDPOINT.exec(text);
  const scheme = SCHEMES.get(match?.[1]?.toLowerCase() ?? "");
  if (match === null || scheme === undefined) {
    return refuse(describeWrong(text));
  }
  const host = readHost(match[2] ?? "");
  if (host === undefined) return refuse("must have a host name or address between :// and the port");
  const port = Number(match[3] ?? DEFAULT_PORT);
  if (port > 65_535) return refuse("must have a port from 0 to 65535");
  return { scheme, host, port };
}

/** What is wrong with a text that is no endpoint; with the right spelling if it can be guessed. */
function describeWrong(text: string): string {
  if (text.length <= HINT_LENGTH_MAX) {
    const noScheme = "must begin with grpc://, or grpcs:// for TLS";
    const port = PORT_ALONE.exec(text)?.[1];
    if (port !== undefined) return `${noScheme}: write grpc://127.0.0.1:${port}`;
    if (hasHost(ENDPOINT.exec(`grpc://${text}`))) return `${noScheme}: write grpc://${text}`;
    const [, secure = "", authority] = WEB_ADDRESS.exec(text) ?? [];
    const meant = `grpc${secure}://${authority}`;
    if (hasHost(ENDPOINT.exec(meant))) return `${MUST_BE}: write ${meant}`;
  }
  return MUST_BE;
}

function hasHost(match: RegExpExecArray | null): boolean {
  return match !== null && readHost(match[2] ?? "") !== undefined;
}

function readHost(text: string): string | undefined {
  if (text.startsWith("[")) {
    const address = text.slice(1, -1);
    return isIPv6(address) ? address : undefined;
  }
  return HOST_NAME.test(text) ? text : undefined;
}

/** The endpoint in the spelling of configuration files. */
export function formatEndpoint(endpoint: Endpoint): string {
  return `${endpoint.scheme}://${formatAuthority(endpoint.host, endpoint.port)}`;
}

/**
 * The endpoint in the spelling of clients: existing ones accept `grpc` and `grpc+tls`, not `grpcs`.
 */
export function formatDialEndpoint(endpoint: Endpoint): string {
  const scheme = endpoint.scheme === "grpcs" ? "grpc+tls" : "grpc";
  return `${scheme}://${formatAuthority(endpoint.host, endpoint.port)}`;
}

function formatAuthority(host: string, port: number): string {
  return `${isIPv6(host) ? `[${host}]` : host}:${port}`;
}
