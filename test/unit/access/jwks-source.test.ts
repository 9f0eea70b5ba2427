/**
 * When the keys of an identity provider are read, and which keys count meanwhile.
 *
 * Time is a number of the test's.
 */
import type { RequestListener } from "node:http";
import { beforeEach, describe, expect, it } from "vitest";
import { LIMITS } from "../../../src/limits.ts";
import { answering, keySetText, makeKeys, ProviderClock } from "./identity-provider.ts";

const [rsa, elliptic, later] = await makeKeys();
let clock: ProviderClock;

beforeEach(() => {
  clock = new ProviderClock();
});

const fileVerifier = (more?: Record<string, unknown>) => clock.fileVerifier(keySetText(rsa, elliptic), more);

describe("a key set in a file", () => {
  it("verifies with the keys that replace it, and no more with those that are missing", async () => {
    const { verifier, write } = fileVerifier();
    const [old, fresh] = [await clock.token(rsa), await clock.token(later)];
    expect(await verifier.verify(old)).toBe("worker-7");
    expect(await verifier.verify(fresh)).toBeUndefined();
    write(keySetText(later));
    clock.nowMs += LIMITS.jwksFileFreshMs;
    expect(await verifier.verify(fresh)).toBe("worker-7");
    expect(await verifier.verify(old)).toBeUndefined();
  });

  it.each([
    ["{", "text that is not JSON"],
    ["{}", "no keys"],
    ['{"keys":[]}', "an empty list"],
    ['{"keys":[{"kty":"oct","k":"c2VjcmV0","kid":"rsa"}]}', "a symmetric key only"],
    [" ".repeat(LIMITS.jwksBytesMax + 1), "more bytes than the limit"],
  ])("keeps its keys if it is replaced by %.20s (%s)", async (text) => {
    const { verifier, write } = fileVerifier();
    expect(await verifier.verify(await clock.token(rsa))).toBe("worker-7");
    write(text);
    clock.nowMs += LIMITS.jwksFileFreshMs;
    expect(await verifier.verify(await clock.token(later))).toBeUndefined();
    expect(await verifier.verify(await clock.token(rsa, { claims: { jti: "2" } }))).toBe("worker-7");
  });

  it("that is missing accepts no token", async () => {
    const { verifier } = fileVerifier({ jwks_file: "other.json" });
    expect(await verifier.verify(await clock.token(rsa))).toBeUndefined();
  });

  it("that is broken at first accepts no token until it is right", async () => {
    const { verifier, write } = clock.fileVerifier("{}");
    expect(await verifier.verify(await clock.token(rsa))).toBeUndefined();
    write(keySetText(rsa));
    clock.nowMs += LIMITS.jwksFileFreshMs;
    expect(await verifier.verify(await clock.token(rsa))).toBe("worker-7");
  });
});

describe("a key set at a URL", () => {
  it("is read once for many tokens, and a verified token needs no key", async () => {
    const { served, verifier } = await clock.urlVerifier(answering(keySetText(rsa, elliptic)));
    const first = await clock.token(rsa);
    await Promise.all([
      verifier.verify(first),
      verifier.verify(await clock.token(elliptic)),
      verifier.verify(first),
    ]);
    expect(await verifier.verify(first)).toBe("worker-7");
    expect(served.requests).toBe(1);
  });

  it("is read again for an unknown key, but not again and again", async () => {
    const { served, verifier } = await clock.urlVerifier(answering(keySetText(rsa)));
    expect(await verifier.verify(await clock.token(rsa))).toBe("worker-7");
    served.answer = answering(keySetText(rsa, later));
    for (let i = 0; i < 10; i++)
      expect(await verifier.verify(await clock.token(later, { claims: { i } }))).toBeUndefined();
    expect(served.requests).toBe(1);
    clock.nowMs += LIMITS.jwksUrlPauseMs;
    expect(await verifier.verify(await clock.token(later))).toBe("worker-7");
    expect(served.requests).toBe(2);
    for (let i = 0; i < 10; i++)
      await verifier.verify(await clock.token(rsa, { claims: { i }, header: { kid: `unknown-${i}` } }));
    expect(served.requests).toBe(2);
  });

  it("keeps its keys while the URL fails, for a day", async () => {
    const { served, verifier } = await clock.urlVerifier(answering(keySetText(rsa)));
    expect(await verifier.verify(await clock.token(rsa))).toBe("worker-7");
    for (const answer of [
      answering("", 500),
      answering("not JSON"),
      answering("x".repeat(LIMITS.jwksBytesMax + 1)),
      ((_, response) => response.destroy()) satisfies RequestListener,
      ((_, response) => response.writeHead(302, { location: "/other" }).end()) satisfies RequestListener,
    ]) {
      served.answer = answer;
      clock.nowMs += LIMITS.jwksUrlFreshMs;
      expect(await verifier.verify(await clock.token(later))).toBeUndefined();
      expect(await verifier.verify(await clock.token(rsa))).toBe("worker-7");
    }
    expect(served.requests).toBe(6);
    served.answer = answering("", 500);
    clock.nowMs += LIMITS.jwksStaleMsMax;
    expect(await verifier.verify(await clock.token(rsa))).toBeUndefined();
    served.answer = answering(keySetText(rsa));
    clock.nowMs += LIMITS.jwksUrlPauseMs;
    expect(await verifier.verify(await clock.token(rsa))).toBe("worker-7");
  });

  it("rotates: its new keys are found in time, and the old ones end", async () => {
    const { served, verifier } = await clock.urlVerifier(answering(keySetText(rsa)));
    const old = await clock.token(rsa);
    expect(await verifier.verify(old)).toBe("worker-7");
    served.answer = answering(keySetText(later));
    clock.nowMs += LIMITS.jwksUrlPauseMs;
    expect(await verifier.verify(await clock.token(later))).toBe("worker-7");
    expect(await verifier.verify(old)).toBeUndefined();
  });
});
