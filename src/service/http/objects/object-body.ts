/**
 * The body of an answer that carries an object, and the request that it answers.
 *
 * Types only; value-body.ts, row-body.ts and table-body.ts make the bodies.
 */
import type { OpenedObject } from "../../../cache/object-reading.ts";
import type { StoredObject } from "../../../object/stored-blocks.ts";
import type { ServiceContext } from "../../service-context.ts";
import type { BodyWriter } from "../body-writer.ts";
import type { Transfer } from "../transfers.ts";
import type { FormChoice } from "./object-forms.ts";

export interface ObjectBody {
  readonly mediaType: string;
  /** Undefined if it is not known before the body is sent; then no range can be requested. */
  readonly sizeBytes: number | undefined;
  /** Called at most once. */
  send(writer: BodyWriter): Promise<void>;
}

export interface BodyRequest {
  readonly context: ServiceContext;
  readonly transfer: Transfer;
  readonly opened: OpenedObject & { readonly base: StoredObject };
  readonly choice: FormChoice;
  /** Of a table: whole batches until at least this many rows; undefined: all. */
  readonly rowsMin: number | undefined;
}

export function isPatched({ reading }: OpenedObject): boolean {
  return reading.version !== reading.baseVersion;
}
