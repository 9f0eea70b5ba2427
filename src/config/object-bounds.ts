/**
 * The bounds of what is stored: `capacity` and `eviction.max_objects`.
 *
 * A bucket has other writers, and nothing is evicted from it. A bound that no server keeps is
 * refused, because objects would exceed it without a sign.
 */
import { type PickedSetting, wrongValue } from "./pick-setting.ts";
import { SETTINGS } from "./settings.ts";
import { isRemote, type StorageLocation } from "./storage-location.ts";

interface BoundSettings {
  readonly capacity: PickedSetting<number | undefined>;
  readonly maxObjects: PickedSetting<number | undefined>;
  readonly storage: PickedSetting<StorageLocation>;
}

/** @throws {CacheError} INVALID_CONFIG if the storage cannot keep it. */
export function objectBoundOf(name: "capacity" | "maxObjects", settings: BoundSettings): number | undefined {
  const { value, source } = settings[name];
  const { storage } = settings;
  if (value === undefined || !isRemote(storage.value)) return value;
  const wrong = { key: `cache.${SETTINGS[name].key}`, source: source.place };
  const text = `must be left out with storage s3, because nothing is evicted from a bucket: give objects a time to live (storage from ${storage.source.place})`;
  throw wrongValue(wrong, value, text);
}
