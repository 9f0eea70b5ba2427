/**
 * `GET /v1/admin/usage`: applications and sessions with their objects and bytes.
 *
 * It needs the verb `list`, not `admin`: a caller sees the sums of exactly the objects that it may
 * list, so the answer reveals nothing that a list does not. Callers of one identity share a count,
 * and a count is answered again for LIMITS.usageReuseMs, so that open pages cannot load the server.
 */
import { CacheError } from "../../errors.ts";
import { LIMITS } from "../../limits.ts";
import type { HttpRoute } from "../http/http-call.ts";
import { answerJson } from "../http/json-answer.ts";
import type { ServiceContext } from "../service-context.ts";
import { countUsage, type UsageReport } from "./usage-report.ts";

class SharedCounts {
  readonly #latest = new WeakMap<ServiceContext, { readonly untilMs: number; readonly usage: UsageReport }>();
  readonly #running = new Map<ServiceContext, Promise<UsageReport>>();

  /** @throws {CacheError} PERMISSION_DENIED; OVERLOADED if too many identities count at once. */
  async of(context: ServiceContext): Promise<UsageReport> {
    const latest = this.#latest.get(context);
    if (latest !== undefined && performance.now() < latest.untilMs) return latest.usage;
    const running = this.#running.get(context);
    if (running !== undefined) return await running;
    if (this.#running.size >= LIMITS.usageCountsMax) {
      throw new CacheError("OVERLOADED", "the usage is being counted for other callers");
    }
    const counting = this.#count(context);
    this.#running.set(context, counting);
    try {
      return await counting;
    } finally {
      this.#running.delete(context);
    }
  }

  async #count(context: ServiceContext): Promise<UsageReport> {
    const usage = await countUsage(context.cache, LIMITS.usageSessionsMax);
    this.#latest.set(context, { untilMs: performance.now() + LIMITS.usageReuseMs, usage });
    return usage;
  }
}

const counts = new SharedCounts();

export const USAGE_ROUTES: readonly HttpRoute[] = [
  {
    method: "GET",
    path: "/v1/admin/usage",
    access: ["list"],
    handle: async ({ context, response }) => answerJson(response, 200, await counts.of(context)),
  },
];
