/**
 * The options of a bucket: its store, its name, and how requests to it are made.
 *
 * The caller reads the configuration and the environment. `resolveAddress` checks the values and
 * fills in defaults.
 */
import { CacheError } from "../errors.ts";
import type { CredentialSource } from "./credentials/credentials.ts";

/** `kms`: with a key of AWS KMS, the account's default key if none is named. */
export type Encryption = { readonly kind: "kms"; readonly keyId?: string } | { readonly kind: "s3" };

export interface StoreOptions {
  readonly bucket: string;
  /** Default `us-east-1`, which stores other than AWS usually accept. */
  readonly region?: string;
  /** `http` or `https`, with a port and a path if the store has them. Default: AWS in the region. */
  readonly endpoint?: string;
  /**
   * `path`: the bucket is the first part of the path. `virtual-host`: it is the first part of the
   * host name. Default: `virtual-host` for AWS, `path` for an endpoint.
   */
  readonly style?: "path" | "virtual-host";
  readonly credentials: CredentialSource;
  readonly encryption?: Encryption;
  /**
   * Sends bodies without their SHA-256 in the signature. Default: over https only, where TLS
   * protects them. A CRC-32 is sent in any case.
   */
  readonly unsignedPayload?: boolean;
  /** Certificates of authorities in PEM, instead of those that Node trusts. */
  readonly ca?: string;
  readonly times?: Partial<RequestTimes>;
}

/** Bounds of one request, ms. Defaults: LIMITS. */
export interface RequestTimes {
  readonly connectMs: number;
  readonly answerMs: number;
  readonly idleMs: number;
}

/** Where the bucket is, checked. */
export interface StoreAddress {
  readonly bucket: string;
  readonly region: string;
  readonly isSecure: boolean;
  /** Host name to connect to; without brackets if it is an IPv6 address. */
  readonly hostname: string;
  readonly port: number;
  /** The `Host` header. */
  readonly host: string;
  /** Path of the bucket, percent-encoded, without a slash at its end: "" for virtual-host style. */
  readonly bucketPath: string;
}

/** Wider than the rule of S3, for other stores. No character has a meaning in a host or a path. */
const BUCKET = /^[A-Za-z0-9][A-Za-z0-9._-]{1,254}$/;
const REGION = /^[A-Za-z0-9_-]{1,64}$/;

/** @throws {CacheError} INVALID_CONFIG with the value that is wrong */
export function resolveAddress(options: StoreOptions): StoreAddress {
  const { bucket, region = "us-east-1" } = options;
  if (!BUCKET.test(bucket) || bucket.includes("..")) throw wrong("bucket", bucket);
  if (!REGION.test(region)) throw wrong("region", region);
  const url = parseEndpoint(options.endpoint ?? `https://s3.${region}.${domainOf(region)}`);
  // A certificate for *.s3.amazonaws.com does not cover a bucket with a dot.
  const isPlainName = !bucket.includes(".") && bucket === bucket.toLowerCase();
  const isOwnHost =
    options.style ?? (options.endpoint === undefined && isPlainName ? "virtual-host" : "path");
  const prefix = url.pathname.replace(/\/+$/, "");
  const isSecure = url.protocol === "https:";
  const label = isOwnHost === "virtual-host" ? `${bucket}.` : "";
  return {
    bucket,
    region,
    isSecure,
    hostname: label + url.hostname.replace(/^\[|\]$/g, ""),
    port: Number(url.port) || (isSecure ? 443 : 80),
    host: label + url.host,
    bucketPath: label === "" ? `${prefix}/${bucket}` : prefix,
  };
}

function domainOf(region: string): string {
  return region.startsWith("cn-") ? "amazonaws.com.cn" : "amazonaws.com";
}

function parseEndpoint(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const isPlain = url !== undefined && !`${url.search}${url.hash}${url.username}${url.password}`;
  if (!isPlain || !["http:", "https:"].includes(url.protocol)) throw wrong("endpoint", text);
  return url;
}

function wrong(name: string, found: string): CacheError {
  return new CacheError("INVALID_CONFIG", `the S3 ${name} is not valid: ${JSON.stringify(found)}`);
}
