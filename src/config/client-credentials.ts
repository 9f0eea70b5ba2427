/**
 * What a client presents to its server: a token, a client certificate, or both.
 *
 * Each comes from the first source that names it: options, environment, flame.yaml. Within one
 * source, `token` takes precedence over `tokenFile`. The credentials in flame.yaml belong to the
 * endpoint in flame.yaml: a client that is directed to another endpoint does not use them, so that
 * no other server learns the token.
 */
import { statSync } from "node:fs";
import { createSecureContext } from "node:tls";
import { CacheError } from "../errors.ts";
import { type ClientToken, fileToken, fixedToken, warnOfReaders } from "./client-token.ts";
import { type Endpoint, formatDialEndpoint } from "./endpoint.ts";
import { readPem } from "./tls-files.ts";
import type { Warn } from "./warn-once.ts";

/** A text and its source: an option, a variable or `FILE:LINE`. */
export interface SourcedText {
  readonly text: string;
  readonly source: string;
}

/** What one source names. The paths are absolute. */
export interface NamedCredentials {
  readonly token?: SourcedText | undefined;
  readonly tokenFile?: SourcedText | undefined;
  readonly certFile?: SourcedText | undefined;
  readonly keyFile?: SourcedText | undefined;
}

/** What environment and flame.yaml name. */
export interface ConfiguredCredentials {
  readonly environment: NamedCredentials;
  readonly file: NamedCredentials;
  /** The endpoint in flame.yaml as clients dial it; undefined: `file` applies to every endpoint. */
  readonly fileEndpoint: string | undefined;
}

/** No source names any. */
export const NO_CREDENTIALS: ConfiguredCredentials = { environment: {}, file: {}, fileEndpoint: undefined };

/** PEM. */
export interface ClientCertificate {
  readonly cert: Buffer;
  readonly key: Buffer;
}

export interface ClientCredentials {
  readonly token: ClientToken | undefined;
  readonly certificate: ClientCertificate | undefined;
}

export interface CredentialRequest {
  /** The options, which precede the configuration. */
  readonly given: NamedCredentials;
  readonly configured: ConfiguredCredentials;
  /** The endpoint that the client dials. */
  readonly endpoint: Endpoint;
  readonly warn: Warn;
}

/** Reads the files. @throws {CacheError} INVALID_CONFIG naming key, value and source */
export function readCredentials(request: CredentialRequest): ClientCredentials {
  const sources = sourcesOf(request);
  return {
    token: readToken(sources, request.warn),
    certificate: request.endpoint.scheme === "grpcs" ? readCertificate(sources, request.warn) : undefined,
  };
}

function sourcesOf({ given, configured, endpoint }: CredentialRequest): readonly NamedCredentials[] {
  const { environment, file, fileEndpoint } = configured;
  const isOfFile = fileEndpoint === undefined || fileEndpoint === formatDialEndpoint(endpoint);
  return isOfFile ? [given, environment, file] : [given, environment];
}

function readToken(sources: readonly NamedCredentials[], warn: Warn): ClientToken | undefined {
  for (const { token, tokenFile } of sources) {
    if (token !== undefined) return fixedToken(token.text, token.source);
    if (tokenFile !== undefined) return fileToken(tokenFile.text, tokenFile.source, warn);
  }
  return undefined;
}

function readCertificate(sources: readonly NamedCredentials[], warn: Warn): ClientCertificate | undefined {
  const certFile = sources.find((each) => each.certFile !== undefined)?.certFile;
  const keyFile = sources.find((each) => each.keyFile !== undefined)?.keyFile;
  if (certFile === undefined && keyFile === undefined) return undefined;
  if (certFile === undefined || keyFile === undefined) {
    const [present, missing] = certFile === undefined ? [keyFile!, "cert"] : [certFile, "key"];
    const text = `cache.client_${missing}_file must be set as well (${present.source})`;
    throw new CacheError("INVALID_CONFIG", text, { facts: { key: `cache.client_${missing}_file` } });
  }
  const cert = readPem("cache.client_cert_file", certFile.text);
  const key = readPem("cache.client_key_file", keyFile.text);
  checkPair({ cert, key }, `${certFile.source}, ${keyFile.source}`);
  warnOfReaders(keyFile.text, statSync(keyFile.text).mode, warn);
  return { cert, key };
}

function checkPair(pair: ClientCertificate, source: string): void {
  try {
    createSecureContext(pair);
  } catch (error) {
    const reason = error instanceof Error && "code" in error ? String(error.code) : "not PEM";
    const text = `cache.client_cert_file and cache.client_key_file must be a certificate and its key without a passphrase: ${reason} (${source})`;
    throw new CacheError("INVALID_CONFIG", text, { facts: { key: "cache.client_cert_file", source } });
  }
}
