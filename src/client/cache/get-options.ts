/**
 * The options of FlameCache.get and getObject.
 *
 * Types only.
 */
import type { TableForm } from "../values/arrow-libraries.ts";
import type { OperationOptions } from "./repeat-call.ts";

/** Options of a get. */
export interface GetOptions<T = unknown, Base = unknown, Patch = unknown> extends OperationOptions {
  /**
   * Builds the value from the base and its patches, oldest first; also called without patches.
   * Absent: the value is the base alone. A table contains the rows of its patches, so it has none.
   */
  readonly merge?: ((base: Base, patches: Patch[]) => T | Promise<T>) | undefined;
  /** The form of a returned table; default: the option of the FlameCache. */
  readonly tables?: TableForm | undefined;
}
