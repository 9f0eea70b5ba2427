/**
 * What the two writers of object files have in common once the bytes are in: they are finished with a version.
 */

import type { Lifetime } from "./object-metadata.ts";
import type { ValuePlace } from "./stored-blocks.ts";

export interface FileSummary {
  /** The form the file took; a stream only when a dictionary was replaced midway. */
  readonly part: "file" | "stream";
  readonly rowCount: number;
  readonly dataBytes: number;
  /** Where an opaque value lies in the file, when it is one row as it was put; such a file is read without parsing it. */
  readonly value: ValuePlace | undefined;
  /** A table's schema message as the client sent it. */
  readonly schemaHeader?: Uint8Array;
}

export interface ObjectWriter {
  /** What is to be written beside the bodies that are still to come, bytes: padding and the file's end. At most a little less. */
  readonly owedBytes: number;
  /** Writes what could not be known before, and the footer. Called once, last. */
  finish(version: number, lifetime?: Lifetime): Promise<FileSummary>;
}
