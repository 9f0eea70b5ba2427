import { describe, expect, it } from "vitest";
import { AdaptivePolicy } from "../../../src/eviction/adaptive-policy.ts";
import { LruPolicy } from "../../../src/eviction/lru-policy.ts";
import { S3FifoPolicy } from "../../../src/eviction/s3-fifo-policy.ts";
import { Random } from "../../support/random.ts";
import { admit, evict, itemsNamed } from "./evicted-item.ts";
import { NamedCache } from "./named-cache.ts";

const open = (): NamedCache<AdaptivePolicy> => new NamedCache(new AdaptivePolicy(), 100);

describe("the adaptive policy", () => {
  it("is least recently used as long as that hits as often", () => {
    const [adaptive, lru] = [new AdaptivePolicy(), new LruPolicy()];
    const random = new Random(1);
    const [ours, theirs] = [itemsNamed("abcdefghijklmnop"), itemsNamed("abcdefghijklmnop")];
    admit(adaptive, ours);
    admit(lru, theirs);
    for (let step = 0; step < 500; step += 1) {
      const at = random.below(ours.length);
      adaptive.touched(ours[at]!);
      lru.touched(theirs[at]!);
    }
    expect(adaptive.order).toBe("lru");
    expect(evict(adaptive, 16)).toBe(evict(lru, 16));
  });

  it("turns to s3-fifo in a loop that is larger than the cache, and hits", () => {
    const cache = open();
    expect(cache.loop(120, 60)).toBeGreaterThan(60 * 50);
    expect(cache.policy.order).toBe("s3-fifo");
    expect(new NamedCache(new LruPolicy(), 100).loop(120, 60)).toBe(0);
  });

  it("turns back when reads come soon after the put, and hits", () => {
    const cache = open();
    cache.loop(120, 60);
    cache.readOnceAfter(40, 500);
    expect(cache.policy.order).toBe("lru");
    const hits = cache.readOnceAfter(40, 4000);
    expect(hits).toBe(new NamedCache(new LruPolicy(), 100).readOnceAfter(40, 4000));
    const s3 = new NamedCache(new S3FifoPolicy(), 100);
    s3.loop(120, 60);
    expect(s3.readOnceAfter(40, 4000)).toBeLessThan(hits / 2);
  });

  it("names everybody once after it turned back", () => {
    const cache = open();
    cache.loop(120, 60);
    cache.readOnceAfter(40, 500);
    expect(new Set(cache.policy.victims())).toEqual(new Set(cache.items));
    expect([...cache.policy.victims()]).toHaveLength(100);
  });
});
