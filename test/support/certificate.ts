/**
 * A certificate of its own for 127.0.0.1, made by openssl when a test asks for it.
 *
 * Nothing secret is kept in the repository, and none can expire in it.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TlsConfig } from "../../src/config/cache-config.ts";

export interface Certificate {
  readonly cert: Buffer;
  readonly key: Buffer;
}

/** The configuration of a server with these files, which requests no client certificates. */
export function tlsConfig(certFile: string, keyFile: string): TlsConfig {
  const noClients = { clientCaFile: undefined, clientCertificates: "none" } as const;
  return { certFile, keyFile, caFile: undefined, ...noClients };
}

export function selfSignedCertificate(): Certificate {
  const directory = mkdtempSync(join(tmpdir(), "certificate-"));
  const [cert, key] = [join(directory, "cert.pem"), join(directory, "key.pem")];
  const names = "subjectAltName=IP:127.0.0.1,DNS:localhost";
  const form = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"];
  const request = ["req", "-x509", ...form, "-subj", "/CN=localhost", "-addext", names];
  try {
    execFileSync("openssl", [...request, "-keyout", key, "-out", cert], { stdio: "pipe" });
    return { cert: readFileSync(cert), key: readFileSync(key) };
  } finally {
    rmSync(directory, { recursive: true });
  }
}
