/**
 * The certificate that a peer presented in the TLS handshake, as names that access rules compare.
 *
 * Whoever requested a certificate may have chosen its names, so a name must not be able to look like
 * two. Node prints alternative names as `TYPE:value, TYPE:value`, and a value with a comma, a quote
 * or a control character as a JSON string. This parser accepts exactly this form; if anything is
 * left over, the certificate is refused. The common name is not parsed from text at all.
 * Source: Node's documentation of `X509Certificate.subjectAltName`; CVE-2021-44532, CVE-2021-44533.
 */
import type { X509Certificate } from "node:crypto";
import type { TLSSocket } from "node:tls";
import { LIMITS } from "../limits.ts";
import type { ClientCertificate } from "./call.ts";

/** One name and the separator after it. A quoted value is a JSON string, any other has no comma. */
const NAME = /([A-Za-z][A-Za-z ]*):(?:("(?:[^"\\]|\\.)*")|([^",\\]*))(?:, |$)/y;

/** Node's name of each type, and ours. Other types name no caller. */
const TYPES: Readonly<Record<string, string>> = {
  DNS: "DNS",
  URI: "URI",
  email: "email",
  "IP Address": "IP",
};

/** What a peer presented: a certificate, none, or one that must be refused. */
export type PresentedCertificate =
  | { readonly kind: "accepted"; readonly certificate: ClientCertificate | undefined }
  | { readonly kind: "refused"; readonly reason: string };

export const NO_CERTIFICATE: PresentedCertificate = { kind: "accepted", certificate: undefined };

/** After the handshake of a server that requests client certificates. */
export function presentedCertificate(socket: TLSSocket): PresentedCertificate {
  const certificate = socket.getPeerX509Certificate();
  // A resumed session without a certificate counts as authorized: look at the certificate first.
  if (certificate === undefined) return NO_CERTIFICATE;
  if (!socket.authorized) return { kind: "refused", reason: String(socket.authorizationError) };
  const alternativeNames = parseAlternativeNames(certificate.subjectAltName ?? "");
  if (alternativeNames === undefined) return { kind: "refused", reason: "alternative names" };
  return { kind: "accepted", certificate: { commonName: commonNameOf(certificate), alternativeNames } };
}

/** Undefined if the text has another form, or too many names. */
export function parseAlternativeNames(text: string): readonly string[] | undefined {
  const names: string[] = [];
  if (text.length > LIMITS.clientCertificateTextMax) return undefined;
  let position = 0;
  while (position < text.length) {
    NAME.lastIndex = position;
    const [all, type, quoted, plain] = NAME.exec(text) ?? [];
    if (all === undefined || type === undefined) return undefined;
    const value = quoted === undefined ? plain : parseQuoted(quoted);
    if (value === undefined || names.length === LIMITS.clientCertificateNamesMax) return undefined;
    const ours = Object.hasOwn(TYPES, type) ? TYPES[type] : undefined;
    if (ours !== undefined) names.push(`${ours}:${value}`);
    position += all.length;
  }
  return names;
}

function parseQuoted(text: string): string | undefined {
  try {
    return JSON.parse(text) as string;
  } catch {
    return undefined;
  }
}

function commonNameOf(certificate: X509Certificate): string | undefined {
  const { CN } = certificate.toLegacyObject().subject as { readonly CN?: unknown };
  return typeof CN === "string" && CN !== "" ? CN : undefined;
}
