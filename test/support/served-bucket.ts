/**
 * A bucket in memory behind HTTP, for a whole server in the test's process: fast, and without a
 * program to install. The real store is test/support/s3-store.ts.
 */
import { vi } from "vitest";
import type { StorageConfig } from "../../src/config/cache-config.ts";
import { MemoryStore } from "./memory-store.ts";
import { ScriptedStore } from "./scripted-store.ts";

export interface ServedBucket {
  readonly storage: StorageConfig;
  close(): Promise<void>;
}

/** Sets the credentials of the environment, which `close` sets back. */
export async function servedBucket(): Promise<ServedBucket> {
  const store = await ScriptedStore.start();
  store.answer(new MemoryStore().step);
  vi.stubEnv("AWS_ACCESS_KEY_ID", "test");
  vi.stubEnv("AWS_SECRET_ACCESS_KEY", "secret");
  const { endpoint } = store;
  const terms = {
    endpoint,
    region: undefined,
    pathStyle: undefined,
    maxStalenessMs: 0,
    localCache: undefined,
  };
  return {
    storage: { kind: "s3", bucket: "box", prefix: "", ...terms },
    async close() {
      vi.unstubAllEnvs();
      await store.close();
    },
  };
}
