/**
 * The options of FlameCache.get, getBytes and getObject.
 *
 * Types only.
 */
import type { TableForm } from "../values/arrow-libraries.ts";
import type { OperationOptions } from "./repeat-call.ts";

/** Which state of the object a get may return. */
export interface ReadOptions extends OperationOptions {
  /**
   * True: the version of the reference or any later one will do. A server over a bucket that
   * remembers such a version then does not ask the store. Default: the current object.
   */
  readonly atLeast?: boolean | undefined;
}

/** Options of a get. */
export interface GetOptions<T = unknown, Base = unknown, Patch = unknown> extends ReadOptions {
  /**
   * Builds the value from the base and its patches, oldest first; also called without patches.
   * Absent: the value is the base alone. A table contains the rows of its patches, so it has none.
   */
  readonly merge?: ((base: Base, patches: Patch[]) => T | Promise<T>) | undefined;
  /** The form of a returned table; default: the option of the FlameCache. */
  readonly tables?: TableForm | undefined;
}
