/**
 * Signatures against the examples that AWS publishes for S3.
 *
 * Source: "Signature Calculations for the Authorization Header" in the Amazon S3 API Reference.
 */
import { describe, expect, it } from "vitest";
import { staticCredentials } from "../../../src/s3/credentials/credentials.ts";
import { encodeKey, signRequest, type UnsignedRequest } from "../../../src/s3/requests/sign-request.ts";
import { resolveAddress } from "../../../src/s3/store-options.ts";

const KEYS = {
  accessKeyId: "AKIAIOSFODNN7EXAMPLE",
  secretAccessKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
};
const ADDRESS = resolveAddress({
  bucket: "examplebucket",
  endpoint: "https://s3.amazonaws.com",
  style: "virtual-host",
  credentials: staticCredentials(KEYS),
});
const NOW_MS = Date.UTC(2013, 4, 24);

function sign(request: UnsignedRequest, more: object = {}) {
  const terms = { address: ADDRESS, credentials: KEYS, nowMs: NOW_MS, isBodyUnsigned: false, ...more };
  return signRequest(request, terms);
}

function signatureOf(request: UnsignedRequest): string {
  return /Signature=(\w+)$/.exec(sign(request).headers.Authorization ?? "")?.[1] ?? "";
}

describe("a signature", () => {
  it.each([
    [
      "GET Object",
      { method: "GET", key: "test.txt", headers: { range: "bytes=0-9" } },
      "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
    ],
    [
      "PUT Object",
      {
        method: "PUT",
        key: "test$file.text",
        headers: { date: "Fri, 24 May 2013 00:00:00 GMT", "x-amz-storage-class": "REDUCED_REDUNDANCY" },
        body: [Buffer.from("Welcome to "), Buffer.from("Amazon S3.")],
      },
      "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
    ],
    [
      "GET Bucket Lifecycle",
      { method: "GET", query: { lifecycle: "" } },
      "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543",
    ],
    [
      "GET Bucket",
      { method: "GET", query: { prefix: "J", "max-keys": "2" } },
      "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
    ],
  ] as const)("equals the one that AWS publishes for %s", (_name, request, signature) => {
    expect(signatureOf(request)).toBe(signature);
  });

  it("covers the session token and every header that is given", () => {
    const credentials = { ...KEYS, sessionToken: "token" };
    const { headers } = sign({ method: "GET", headers: { "if-match": '"1"' } }, { credentials });
    expect(headers["X-Amz-Security-Token"]).toBe("token");
    expect(headers.Authorization).toContain(
      "SignedHeaders=host;if-match;x-amz-content-sha256;x-amz-date;x-amz-security-token,",
    );
  });

  it("leaves out the bytes of a body only if it is told to", () => {
    const request = { method: "PUT", key: "a", body: [Buffer.from("abc")] } as const;
    expect(sign(request, { isBodyUnsigned: true }).headers["x-amz-content-sha256"]).toBe("UNSIGNED-PAYLOAD");
    expect(sign(request).headers["x-amz-content-sha256"]).toBe(
      "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    );
  });

  it("is over the path that is sent, for every ASCII character and beyond", () => {
    const key = `${Array.from({ length: 95 }, (_, i) => String.fromCharCode(32 + i)).join("")}/é/日本/😀/./..//x`;
    const { path } = sign({ method: "GET", key });
    expect(path).toBe(`/${encodeKey(key)}`);
    expect(decodeURIComponent(path)).toBe(`/${key}`);
    expect(path).toMatch(/^[A-Za-z0-9\-._~%/]+$/);
  });
});

describe("the address of a bucket", () => {
  const credentials = staticCredentials(KEYS);
  it.each([
    [{ bucket: "b-1" }, "b-1.s3.us-east-1.amazonaws.com", ""],
    [{ bucket: "b-1", region: "cn-north-1" }, "b-1.s3.cn-north-1.amazonaws.com.cn", ""],
    [{ bucket: "b.dots", region: "eu-west-1" }, "s3.eu-west-1.amazonaws.com", "/b.dots"],
    [{ bucket: "b-1", endpoint: "http://store:9000/s3/" }, "store:9000", "/s3/b-1"],
    [{ bucket: "b-1", endpoint: "http://[::1]:8333" }, "[::1]:8333", "/b-1"],
    [{ bucket: "b-1", endpoint: "https://store/x", style: "virtual-host" }, "b-1.store", "/x"],
  ] as const)("of %o has its host and path", (options, host, bucketPath) => {
    expect(resolveAddress({ ...options, credentials })).toMatchObject({ host, bucketPath });
  });

  it.each([
    { bucket: "a/b" },
    { bucket: "a..b" },
    { bucket: "" },
    { bucket: "box", region: "eu west" },
    { bucket: "box", endpoint: "ftp://store" },
    { bucket: "box", endpoint: "http://user:secret@store" },
    { bucket: "box", endpoint: "http://store/?x=1" },
    { bucket: "box", endpoint: "store:9000" },
  ])("is refused with INVALID_CONFIG for %o", (options) => {
    expect(() => resolveAddress({ ...options, credentials })).toThrow(/INVALID_CONFIG/);
  });
});
