import { afterEach, describe, expect, it, vi } from "vitest";
import { hashPassword, matchesPassword, passwordProblem } from "../../../src/access/password.ts";
import { PasswordChecks, type PresentedPassword } from "../../../src/access/password-checks.ts";
import { LIMITS } from "../../../src/limits.ts";

/** Of "secret", with small parameters. */
const CHEAP = "$scrypt$ln=10,r=1,p=1$c2FsdHNhbHRzYWx0c2FsdA$gzWpUzHxuq5L5ifq8GanT7ztiolRl05J5qpGbQ0edqM";
const right: PresentedPassword = { name: "worker", password: "secret", stored: CHEAP };

afterEach(() => vi.restoreAllMocks());

describe("a hashed password", () => {
  it("matches itself and nothing else, with a salt of its own", async () => {
    const text = await hashPassword("pässword");
    expect(passwordProblem(text)).toBeUndefined();
    expect(text).not.toBe(await hashPassword("pässword"));
    expect(await matchesPassword("pässword", text)).toBe(true);
    expect(await matchesPassword("pa\u0308ssword", text)).toBe(true);
    expect(await matchesPassword("password", text)).toBe(false);
    expect(await matchesPassword("", text)).toBe(false);
    expect(await matchesPassword("pässword", undefined)).toBe(false);
  });

  it.each([
    "secret",
    "",
    CHEAP.replace("ln=10", "ln=9"),
    CHEAP.replace("ln=10", "ln=30"),
    CHEAP.replace("ln=10,r=1", "ln=17,r=8"),
    CHEAP.replace("p=1", "p=17"),
    CHEAP.replace("r=1", "r=0"),
    CHEAP.slice(0, -1),
  ])("does not have the form %j", (text) => {
    expect(passwordProblem(text)).toMatch(/^must be the hash of a password/);
  });
});

describe("the checks of passwords", () => {
  it("remember a right password for a while, and never a wrong one", async () => {
    const checks = new PasswordChecks();
    const wrong = { ...right, password: "guess" };
    expect(await checks.check(right)).toBe(true);
    expect(await checks.check(wrong)).toBe(false);
    expect(checks.isRemembered(right)).toBe(true);
    expect(checks.isRemembered(wrong)).toBe(false);
    const nowMs = performance.now();
    vi.spyOn(performance, "now").mockReturnValue(nowMs + LIMITS.rememberedPasswordMs + 1);
    expect(checks.isRemembered(right)).toBe(false);
  });

  it("forget a password whose hash changed, or that another name presents", async () => {
    const checks = new PasswordChecks();
    await checks.check(right);
    expect(checks.isRemembered({ ...right, stored: await hashPassword("secret") })).toBe(false);
    expect(checks.isRemembered({ ...right, stored: undefined })).toBe(false);
    expect(checks.isRemembered({ ...right, name: "other" })).toBe(false);
  });

  it("refuse a password when too many wait, and check the ones that wait", async () => {
    const checks = new PasswordChecks();
    const places = LIMITS.passwordChecksMax + LIMITS.passwordsWaitingMax;
    const guesses = Array.from({ length: places }, (_, i) => checks.check({ ...right, password: `${i}` }));
    await expect(checks.check({ ...right, password: "one more" })).rejects.toMatchObject({
      code: "OVERLOADED",
    });
    expect(new Set(await Promise.all(guesses))).toEqual(new Set([false]));
    expect(await checks.check(right)).toBe(true);
  });

  it("need one place for the same password from many callers", async () => {
    const checks = new PasswordChecks();
    const callers = 4 * LIMITS.passwordsWaitingMax;
    const answers = await Promise.all(Array.from({ length: callers }, () => checks.check(right)));
    expect(new Set(answers)).toEqual(new Set([true]));
  });
});
