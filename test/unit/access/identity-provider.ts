/**
 * An identity provider for tests of tokens: keys that the tests make and sign with, verifiers of them, and a time that the test
 * sets, so that nothing waits.
 */
import { writeFileSync } from "node:fs";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { exportJWK, type GenerateKeyPairResult, generateKeyPair, type JWK, SignJWT } from "jose";
import { onTestFinished } from "vitest";
import { type JwtSection, jwtSectionSchema } from "../../../src/access/jwt-section.ts";
import { JwtVerifier } from "../../../src/access/jwt-verifier.ts";
import { temporaryDirectory } from "../../support/temporary-directory.ts";

export const START_MS = Date.UTC(2026, 0, 1);
export const ISSUER = "https://issuer.example";
export const AUDIENCE = "flame-object-cache";

export interface ProviderKey extends GenerateKeyPairResult {
  readonly algorithm: string;
  readonly jwk: JWK;
}

export async function makeKey(algorithm: string, kid: string): Promise<ProviderKey> {
  const pair = await generateKeyPair(algorithm, { extractable: true });
  return { ...pair, algorithm, jwk: { ...(await exportJWK(pair.publicKey)), kid } };
}

/** Two keys that a key set has, and one that replaces them. */
export async function makeKeys(): Promise<[rsa: ProviderKey, elliptic: ProviderKey, later: ProviderKey]> {
  return [await makeKey("RS256", "rsa"), await makeKey("ES256", "elliptic"), await makeKey("RS256", "later")];
}

export function keySetText(...keys: readonly ProviderKey[]): string {
  return JSON.stringify({ keys: keys.map(({ jwk }) => jwk) });
}

export interface TokenParts {
  /** In place of those of a token for worker-7 that is valid for an hour. */
  readonly claims?: Record<string, unknown>;
  readonly header?: Record<string, unknown>;
}

/** Verifiers and tokens at one time, which the test moves. */
export class ProviderClock {
  nowMs = START_MS;

  token(key: ProviderKey, { claims, header }: TokenParts = {}): Promise<string> {
    const expires = this.nowMs / 1000 + 3600;
    return new SignJWT({ iss: ISSUER, aud: AUDIENCE, sub: "worker-7", exp: expires, ...claims })
      .setProtectedHeader({ alg: key.algorithm, kid: key.jwk.kid!, ...header })
      .sign(key.privateKey);
  }

  /** A verifier with a key set in a file, and a function that replaces the file. */
  fileVerifier(keySet: string, more: Record<string, unknown> = {}) {
    const directory = temporaryDirectory("jwks");
    onTestFinished(() => directory.remove());
    const write = (text: string): void => writeFileSync(join(directory.path, "keys.json"), text);
    write(keySet);
    const options = { directory: directory.path, nowMs: () => this.nowMs };
    return { verifier: new JwtVerifier(section({ jwks_file: "keys.json", ...more }), options), write };
  }

  /** A verifier with a key set at a URL that answers as `answer` does at the time, and counts the requests. */
  async urlVerifier(answer: RequestListener) {
    const served = { requests: 0, answer };
    const server = createServer((request, response) => {
      served.requests += 1;
      served.answer(request, response);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    onTestFinished(() => {
      server.closeAllConnections();
      server.close();
    });
    const jwks_url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks`;
    const verifier = new JwtVerifier(section({ jwks_url }), { directory: "/", nowMs: () => this.nowMs });
    return { served, verifier };
  }
}

function section(more: Record<string, unknown>): JwtSection {
  return jwtSectionSchema.parse({ issuer: ISSUER, audience: AUDIENCE, ...more });
}

export function answering(text: string, status = 200): RequestListener {
  return (_, response) => {
    response.statusCode = status;
    response.end(text);
  };
}
