/**
 * Where copies of the objects of a bucket are kept on the local disk, and how many bytes.
 *
 * A relative path in a flag is under the working directory, any other under FLAME_HOME, as that of
 * the storage is.
 */
import type { LocalCacheConfig } from "./cache-config.ts";
import { flameHome, userHome } from "./flame-home.ts";
import { type PickedSetting, wrongValue } from "./pick-setting.ts";
import type { PathBases } from "./readable-path.ts";
import { SETTINGS } from "./settings.ts";
import { isRemote, resolvePath, type StorageLocation } from "./storage-location.ts";

interface LocalSettings {
  readonly localCache: PickedSetting<string | undefined>;
  readonly localCapacity: PickedSetting<number | undefined>;
  readonly storage: PickedSetting<StorageLocation>;
}

/** @throws {CacheError} INVALID_CONFIG if there is nothing to copy, or no place for the copies. */
export function localCacheOf(
  { localCache, localCapacity, storage }: LocalSettings,
  { env, workingDirectory }: PathBases,
): LocalCacheConfig | undefined {
  const { value, source } = localCache;
  if (value === undefined) {
    if (localCapacity.value === undefined) return undefined;
    const key = `cache.${SETTINGS.localCapacity.key}`;
    const name = { key, source: localCapacity.source.place };
    throw wrongValue(name, localCapacity.value, "needs cache.local_cache, the directory that it bounds");
  }
  if (!isRemote(storage.value)) {
    const name = { key: `cache.${SETTINGS.localCache.key}`, source: source.place };
    const place = storage.source.place;
    throw wrongValue(
      name,
      value,
      `needs storage s3://BUCKET/PREFIX, of which it has copies (storage from ${place})`,
    );
  }
  const directory = source.kind === "flag" ? workingDirectory : flameHome(env);
  const path = resolvePath(value, { directory, userHome: userHome(env) });
  return { directory: path, capacityBytes: localCapacity.value };
}
