/**
 * The answer to TOP, as JSON: over Flight by the action TOP, over HTTP by `/v1/admin/top`.
 */
import type { GroupSum } from "../cache/largest-groups.ts";
import type { ServiceContext } from "./service-context.ts";

/** @throws {CacheError} PERMISSION_DENIED */
export async function answerTop(context: ServiceContext): Promise<string> {
  const { keys, isCounted, sessions, applications } = await context.cache.observing.top();
  return JSON.stringify({
    counted: isCounted,
    keys: keys.map(({ key, gets, getsPerSecond }) => ({ key, gets, gets_per_second: getsPerSecond })),
    sessions: sessions.map(groupAnswer),
    applications: applications.map(groupAnswer),
  });
}

function groupAnswer({ name, objects, dataBytes }: GroupSum) {
  return { name, objects, data_bytes: dataBytes };
}
