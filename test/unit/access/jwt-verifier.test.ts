/**
 * Which JSON Web Tokens are accepted, with keys that the tests make and sign with; and the section of the access file.
 *
 * When the keys are read is tested in jwks-source.test.ts.
 */
import { createHmac } from "node:crypto";
import { readFileSync } from "node:fs";
import { exportSPKI } from "jose";
import { beforeEach, describe, expect, it } from "vitest";
import { jwtSectionSchema } from "../../../src/access/jwt-section.ts";
import { looksLikeJwt } from "../../../src/access/jwt-verifier.ts";
import { LIMITS } from "../../../src/limits.ts";
import { AUDIENCE, ISSUER, keySetText, makeKeys, ProviderClock, START_MS } from "./identity-provider.ts";

const [rsa, elliptic, later] = await makeKeys();
let clock: ProviderClock;

beforeEach(() => {
  clock = new ProviderClock();
});

const fileVerifier = (more?: Record<string, unknown>) => clock.fileVerifier(keySetText(rsa, elliptic), more);

describe("a token", () => {
  it.each([["RS256"], ["ES256"]])("signed with %s names its identity", async (algorithm) => {
    const key = [rsa, elliptic].find((each) => each.algorithm === algorithm)!;
    expect(await fileVerifier().verifier.verify(await clock.token(key))).toBe("worker-7");
  });

  it("names the identity by the configured claim", async () => {
    const { verifier } = fileVerifier({ identity_claim: "email" });
    expect(await verifier.verify(await clock.token(rsa, { claims: { email: "w@example.org" } }))).toBe(
      "w@example.org",
    );
    expect(await verifier.verify(await clock.token(rsa))).toBeUndefined();
  });

  it("may name one of several audiences", async () => {
    const { verifier } = fileVerifier({ audience: ["other", AUDIENCE] });
    expect(await verifier.verify(await clock.token(rsa, { claims: { aud: ["third", AUDIENCE] } }))).toBe(
      "worker-7",
    );
  });

  it.each([
    ["of another issuer", { iss: "https://issuer.example.org" }],
    ["without an issuer", { iss: undefined }],
    ["for another audience", { aud: "flame" }],
    ["without an audience", { aud: undefined }],
    ["without an expiry", { exp: undefined }],
    ["that has expired", { exp: START_MS / 1000 - 60 }],
    ["that is not valid yet", { nbf: START_MS / 1000 + 60 }],
    ["without an identity", { sub: undefined }],
    ["with an empty identity", { sub: "" }],
    ["with an identity that is no text", { sub: ["worker-7"] }],
    ["with an identity over the limit", { sub: "w".repeat(LIMITS.jwtClaimLengthMax + 1) }],
  ])("%s is refused", async (_, claims) => {
    expect(await fileVerifier().verifier.verify(await clock.token(rsa, { claims }))).toBeUndefined();
  });

  it("is accepted within the clock tolerance, and not after it", async () => {
    const { verifier } = fileVerifier({ clock_tolerance: "10s" });
    const expiring = await clock.token(rsa, { claims: { exp: clock.nowMs / 1000 + 100 } });
    clock.nowMs += 109_000;
    expect(await verifier.verify(expiring)).toBe("worker-7");
    clock.nowMs += 2_000;
    expect(await verifier.verify(expiring)).toBeUndefined();
  });

  it("without a signature is refused", async () => {
    const claims = (await clock.token(rsa)).split(".")[1];
    const header = Buffer.from(JSON.stringify({ alg: "none" })).toString("base64url");
    const { verifier } = fileVerifier();
    for (const signature of ["", "x"]) {
      expect(await verifier.verify(`${header}.${claims}.${signature}`)).toBeUndefined();
    }
  });

  it("signed by HMAC with the public key as its secret is refused", async () => {
    const claims = (await clock.token(rsa)).split(".")[1];
    const header = Buffer.from(JSON.stringify({ alg: "HS256", kid: "rsa" })).toString("base64url");
    const { verifier } = fileVerifier();
    for (const secret of [await exportSPKI(rsa.publicKey), JSON.stringify(rsa.jwk), rsa.jwk.n!]) {
      const signature = createHmac("sha256", secret).update(`${header}.${claims}`).digest("base64url");
      expect(await verifier.verify(`${header}.${claims}.${signature}`)).toBeUndefined();
    }
  });

  it("of an algorithm that is not configured is refused", async () => {
    const { verifier } = fileVerifier({ algorithms: ["ES256"] });
    expect(await verifier.verify(await clock.token(rsa))).toBeUndefined();
    expect(await verifier.verify(await clock.token(elliptic))).toBe("worker-7");
  });

  it("signed by another key under a known name is refused", async () => {
    expect(
      await fileVerifier().verifier.verify(await clock.token(later, { header: { kid: "rsa" } })),
    ).toBeUndefined();
  });

  it("with one changed character is refused, also after the right one was accepted", async () => {
    const { verifier } = fileVerifier();
    const right = await clock.token(rsa);
    expect(await verifier.verify(right)).toBe("worker-7");
    const [header, claims, signature] = right.split(".") as [string, string, string];
    const other = (text: string): string =>
      text.startsWith("A") ? `B${text.slice(1)}` : `A${text.slice(1)}`;
    for (const wrong of [
      `${other(header)}.${claims}.${signature}`,
      `${header}.${other(claims)}.${signature}`,
      `${header}.${claims}.${other(signature)}`,
    ]) {
      expect(await verifier.verify(wrong)).toBeUndefined();
    }
  });

  it("over the limit is refused", async () => {
    const long = await clock.token(rsa, { claims: { more: "x".repeat(LIMITS.jwtLengthMax) } });
    expect(await fileVerifier().verifier.verify(long)).toBeUndefined();
  });

  it.each([["abc"], ["a.b"], ["a.b.c.d"], ["a.b."], ["flame_0123456789"], ["a b.c.d"]])(
    "has another form than %s",
    async (text) => {
      expect(looksLikeJwt(text)).toBe(false);
      expect(await fileVerifier().verifier.verify(text)).toBeUndefined();
    },
  );
});

describe("the section jwt", () => {
  const right = { issuer: ISSUER, audience: AUDIENCE, jwks_url: "https://issuer.example/jwks" };

  it("has defaults for all but issuer, audience and keys", () => {
    expect(jwtSectionSchema.parse(right)).toEqual({
      ...right,
      jwks_url: new URL(right.jwks_url),
      identity_claim: "sub",
      algorithms: ["RS256", "ES256"],
      clock_tolerance: 30_000,
    });
  });

  it.each([
    ["no keys", { jwks_url: undefined }],
    ["keys from two places", { jwks_file: "keys.json" }],
    ["plain http to another host", { jwks_url: "http://issuer.example/jwks" }],
    ["plain http to a host that looks local", { jwks_url: "http://127.0.0.1.example.org/jwks" }],
    ["credentials in the URL", { jwks_url: "https://user:secret@issuer.example/jwks" }],
    ["a URL of another kind", { jwks_url: "file:///etc/keys.json" }],
    ["the algorithm none", { algorithms: ["none"] }],
    ["a symmetric algorithm", { algorithms: ["RS256", "HS256"] }],
    ["no algorithm", { algorithms: [] }],
    ["no issuer", { issuer: undefined }],
    ["no audience", { audience: [] }],
    ["a tolerance of an hour", { clock_tolerance: "1h" }],
    ["an unknown key", { jwks: "x" }],
  ])("is refused with %s", (_, more) => {
    expect(jwtSectionSchema.safeParse({ ...right, ...more }).success).toBe(false);
  });

  it.each([["http://localhost:1/jwks"], ["http://127.0.0.1:1/jwks"], ["http://[::1]:1/jwks"]])(
    "may name %s",
    (url) => {
      expect(jwtSectionSchema.safeParse({ ...right, jwks_url: url }).success).toBe(true);
    },
  );
});

it("jose is loaded with the first token only", () => {
  const sources = ["jwt-verifier", "jwks-source"].map((name) =>
    readFileSync(`src/access/${name}.ts`, "utf8"),
  );
  const loads = sources.flatMap((text) => text.match(/^import (?!type )[^;]*"jose"/gm) ?? []);
  expect(loads).toEqual([]);
});
