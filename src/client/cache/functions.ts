/**
 * The operations as functions, over one shared FlameCache that the first call creates.
 *
 * It has the settings of `FlameCache.connect()` without options: environment and flame.yaml, read
 * once. Its connections do not keep the process alive, so it need not be closed.
 */
import type { ObjectRef } from "../../object/object-ref.ts";
import { FlameCache } from "./flame-cache.ts";
import type { GetOptions } from "./get-options.ts";
import type { ObjectInfo } from "./object-info.ts";
import type { RefLike } from "./object-target.ts";
import type { OperationOptions } from "./repeat-call.ts";
import type { PinOptions, PutOptions } from "./retention-calls.ts";

let shared: Promise<FlameCache> | undefined;

/** The FlameCache of the functions. After an invalid configuration the next call reads it again. */
function sharedCache(): Promise<FlameCache> {
  shared ??= FlameCache.connect().catch((error: unknown) => {
    shared = undefined;
    throw error;
  });
  return shared;
}

/**
 * As {@link FlameCache.put}: `putObject("app", "session", value)` or `putObject("app/session",
 * value)`.
 */
export function putObject(name: string, value: unknown, options?: PutOptions): Promise<ObjectRef>;
export function putObject(
  applicationId: string,
  sessionId: string,
  value: unknown,
  options?: PutOptions,
): Promise<ObjectRef>;
export async function putObject(...given: readonly unknown[]): Promise<ObjectRef> {
  const cache = await sharedCache();
  return await cache.put(...(given as Parameters<FlameCache["put"]>));
}

/** As {@link FlameCache.get}. */
export async function getObject<T = unknown, Base = unknown, Patch = unknown>(
  ref: RefLike,
  options?: GetOptions<T, Base, Patch>,
): Promise<T> {
  return await (await sharedCache()).get(ref, options);
}

/** As {@link FlameCache.update}. */
export async function updateObject(ref: RefLike, value: unknown, options?: PutOptions): Promise<ObjectRef> {
  return await (await sharedCache()).update(ref, value, options);
}

/** As {@link FlameCache.patch}. */
export async function patchObject(ref: RefLike, value: unknown, options?: PutOptions): Promise<ObjectRef> {
  return await (await sharedCache()).patch(ref, value, options);
}

/** As {@link FlameCache.delete}. */
export async function deleteObjects(prefix: RefLike, options?: OperationOptions): Promise<void> {
  await (await sharedCache()).delete(prefix, options);
}

/** As {@link FlameCache.list}. */
export async function* listObjects(
  prefix?: RefLike,
  options?: OperationOptions,
): AsyncGenerator<ObjectInfo, void, void> {
  yield* (await sharedCache()).list(prefix, options);
}

/** As {@link FlameCache.uploadFile}. */
export async function uploadFile(name: string, path: string, options?: OperationOptions): Promise<ObjectRef> {
  return await (await sharedCache()).uploadFile(name, path, options);
}

/** As {@link FlameCache.downloadFile}. */
export async function downloadFile(ref: RefLike, path: string, options?: OperationOptions): Promise<number> {
  return await (await sharedCache()).downloadFile(ref, path, options);
}

/** As {@link FlameCache.pin}. */
export async function pinObject(prefix: RefLike, options?: PinOptions): Promise<Date | undefined> {
  return await (await sharedCache()).pin(prefix, options);
}

/** As {@link FlameCache.unpin}. */
export async function unpinObject(prefix: RefLike, options?: OperationOptions): Promise<void> {
  await (await sharedCache()).unpin(prefix, options);
}
