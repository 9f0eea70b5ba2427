import { afterEach, describe, expect, it, vi } from "vitest";
import { HandshakeTokens } from "../../../src/access/handshake-tokens.ts";
import { digestOf } from "../../../src/access/token-digest.ts";
import { LIMITS } from "../../../src/limits.ts";

afterEach(() => vi.restoreAllMocks());

const owner = { name: "worker", stored: "hash" };
const setNow = (nowMs: number): void => void vi.spyOn(performance, "now").mockReturnValue(nowMs);

describe("the tokens of handshakes", () => {
  it("are valid for the owner's name and password", () => {
    const tokens = new HandshakeTokens();
    const text = tokens.issue(owner);
    expect(text).toMatch(/^flame_[\w-]{43}$/);
    expect(tokens.ownerOf(digestOf(text))).toMatchObject(owner);
    expect(tokens.ownerOf(digestOf(`${text}x`))).toBeUndefined();
  });

  it("end when they are not used for a while, and at last also when they are", () => {
    setNow(0);
    const tokens = new HandshakeTokens();
    const [used, idle] = [digestOf(tokens.issue(owner)), digestOf(tokens.issue(owner))];
    const step = LIMITS.handshakeTokenIdleMs - 1;
    for (let nowMs = step; nowMs < LIMITS.handshakeTokenMsMax; nowMs += step) {
      setNow(nowMs);
      expect(tokens.ownerOf(used)).toBeDefined();
    }
    expect(tokens.ownerOf(idle)).toBeUndefined();
    setNow(LIMITS.handshakeTokenMsMax);
    expect(tokens.ownerOf(used)).toBeUndefined();
  });

  it("end when their owner does", () => {
    const tokens = new HandshakeTokens();
    const [one, two] = [digestOf(tokens.issue(owner)), digestOf(tokens.issue({ ...owner, name: "other" }))];
    tokens.keep(({ name }) => name === "other");
    expect(tokens.ownerOf(one)).toBeUndefined();
    expect(tokens.ownerOf(two)).toBeDefined();
  });

  it("of one identity displace its oldest, and no other identity's", () => {
    const tokens = new HandshakeTokens();
    const other = digestOf(tokens.issue({ ...owner, name: "other" }));
    const digests = Array.from({ length: LIMITS.handshakeTokensPerIdentityMax + 1 }, () =>
      digestOf(tokens.issue(owner)),
    );
    expect(tokens.ownerOf(other)).toBeDefined();
    expect(tokens.ownerOf(digests[0]!)).toBeUndefined();
    expect(tokens.ownerOf(digests[1]!)).toBeDefined();
  });

  it("are bounded in number", () => {
    const tokens = new HandshakeTokens();
    const first = digestOf(tokens.issue(owner));
    for (let i = 0; i < LIMITS.handshakeTokensMax; i++) tokens.issue({ ...owner, name: `n${i}` });
    expect(tokens.ownerOf(first)).toBeUndefined();
  });
});
