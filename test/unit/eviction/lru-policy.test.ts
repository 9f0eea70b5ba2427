import { describe, expect, it } from "vitest";
import { LruPolicy } from "../../../src/eviction/lru-policy.ts";
import { admit, evict, itemsNamed, namesOf } from "./evicted-item.ts";

describe("least recently used", () => {
  it("names the one that was neither put nor read for the longest time first", () => {
    const policy = new LruPolicy();
    const [a, b] = admit(policy, itemsNamed("abc"));
    policy.touched(a!);
    policy.admitted(b!);
    expect(namesOf(policy.victims())).toBe("cab");
  });

  it("counts who was passed over as just used", () => {
    const policy = new LruPolicy();
    const [a, b] = admit(policy, itemsNamed("abcd"));
    for (const victim of policy.victims()) if (victim !== a && victim !== b) break;
    expect(evict(policy, 4)).toBe("dabc");
  });
});
