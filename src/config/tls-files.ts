/**
 * Reads the PEM files that a configuration names.
 */
import { readFileSync } from "node:fs";
import { CacheError } from "../errors.ts";
import type { TlsConfig } from "./cache-config.ts";

export interface TlsFiles {
  readonly cert: Buffer;
  readonly key: Buffer;
  readonly ca?: Buffer;
  /** Absent: no client certificates are requested. */
  readonly clients?: { readonly ca: Buffer; readonly isRequired: boolean };
}

/** @throws {CacheError} INVALID_CONFIG if a file cannot be read. */
export function readTlsFiles(tls: TlsConfig): TlsFiles {
  const cert = readPem("tls.cert_file", tls.certFile);
  const key = readPem("tls.key_file", tls.keyFile);
  const { caFile, clientCaFile, clientCertificates } = tls;
  const isRequesting = clientCaFile !== undefined && clientCertificates !== "none";
  return {
    cert,
    key,
    ...(caFile !== undefined && { ca: readPem("tls.ca_file", caFile) }),
    ...(isRequesting && {
      clients: {
        ca: readPem("tls.client_ca_file", clientCaFile),
        isRequired: clientCertificates === "required",
      },
    }),
  };
}

/** All files that a configuration names. */
export function tlsPathsOf({ certFile, keyFile, caFile, clientCaFile }: TlsConfig): readonly string[] {
  return [certFile, keyFile, caFile, clientCaFile].filter((path) => path !== undefined);
}

/**
 * The certificates that a client trusts.
 * @throws {CacheError} INVALID_CONFIG if the file cannot be read.
 */
export function readCaFile(file: string): Buffer {
  return readPem("cache.tls.ca_file", file);
}

/** @throws {CacheError} INVALID_CONFIG if the file cannot be read. */
export function readPem(key: string, file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new CacheError("INVALID_CONFIG", `${key} cannot be read: ${reason}`, {
      cause,
      facts: { key, value: file },
    });
  }
}
