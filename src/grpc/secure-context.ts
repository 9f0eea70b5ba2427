/**
 * The TLS settings of a server, for the gRPC endpoint and for HTTP listeners.
 *
 * TLS 1.2 is the oldest version. A server that requests client certificates resumes no sessions, so
 * that every connection verifies its certificate against the current authorities.
 * `tls.ca_file` completes the server's own chain. It is never a trust anchor for clients: Node uses
 * one option for both, so this module builds the chain itself.
 */
import { constants, X509Certificate } from "node:crypto";
import { createSecureContext, type SecureContextOptions, type TlsOptions } from "node:tls";
import type { ServerTls } from "./server-transport.ts";

const PEM_CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/** For `Server.setSecureContext`. @throws if a certificate cannot be parsed. */
export function secureContextOptions({ cert, key, ca, clients }: ServerTls): SecureContextOptions {
  return {
    cert: ca === undefined ? asBuffer(cert) : completeChain(cert, ca),
    key: asBuffer(key),
    minVersion: "TLSv1.2",
    ...(clients && { ca: asBuffer(clients.ca), secureOptions: constants.SSL_OP_NO_TICKET }),
  };
}

/** For `createServer`. @throws if a certificate cannot be parsed. */
export function tlsServerOptions(tls: ServerTls): TlsOptions {
  const { clients } = tls;
  return {
    ...secureContextOptions(tls),
    ...(clients && { requestCert: true, rejectUnauthorized: clients.isRequired }),
  };
}

/** @throws if the files cannot be used: not PEM, no certificate, or a key of another certificate. */
export function checkServerTls(tls: ServerTls): X509Certificate {
  createSecureContext(secureContextOptions(tls));
  if (tls.clients !== undefined && certificatesOf(tls.clients.ca).length === 0) {
    throw new Error("the file of client authorities contains no certificate");
  }
  return new X509Certificate(asBuffer(tls.cert));
}

/** `cert`, and the issuers from `ca` up to a root, which clients have themselves. */
function completeChain(cert: Buffer, ca: Buffer): string {
  const chain = certificatesOf(cert);
  const authorities = certificatesOf(ca);
  for (let last = chain.at(-1); last !== undefined; ) {
    const issuer = isSelfSigned(last) ? undefined : authorities.find((each) => isIssuerOf(each, last!));
    last = issuer === undefined || isSelfSigned(issuer) || chain.includes(issuer) ? undefined : issuer;
    if (last !== undefined) chain.push(last);
  }
  return chain.map(String).join("");
}

function certificatesOf(pem: Buffer): X509Certificate[] {
  const texts = asBuffer(pem).toString("latin1").match(PEM_CERTIFICATE) ?? [];
  return texts.map((text) => new X509Certificate(text));
}

function isIssuerOf(authority: X509Certificate, certificate: X509Certificate): boolean {
  return certificate.checkIssued(authority) && certificate.verify(authority.publicKey);
}

function isSelfSigned(certificate: X509Certificate): boolean {
  return isIssuerOf(certificate, certificate);
}

/** In a connection thread these are plain arrays: buffers do not survive the way there. */
function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
