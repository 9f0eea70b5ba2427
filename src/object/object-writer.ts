/**
 * The common interface of both object file writers after all bytes were written.
 *
 * `finish` assigns the version.
 */

import type { FileForm } from "./file-head.ts";
import type { Lifetime } from "./object-metadata.ts";
import type { ValuePlace } from "./stored-blocks.ts";

export interface FileSummary {
  /** The form of the file; a stream only if a dictionary was replaced. */
  readonly part: FileForm;
  readonly rowCount: number;
  readonly dataBytes: number;
  /** Position of an opaque value with one unmodified row; such a file is read without parsing. */
  readonly value: ValuePlace | undefined;
  /** A table's schema message as the client sent it. */
  readonly schemaHeader?: Uint8Array;
}

/** What an object's footer says of its put. */
export interface PutFacts {
  readonly lifetime?: Lifetime | undefined;
  /** As in ObjectMetadata. */
  readonly putBy?: string | undefined;
}

export interface ObjectWriter {
  /**
   * Upper bound of the bytes still to be written beside bodies: padding and the end of the file.
   */
  readonly owedBytes: number;
  /**
   * Writes the parts that were unknown before, and the footer. Called last; once, unless the sink
   * drops the footer and takes another one, because the version changed.
   */
  finish(version: number, facts?: PutFacts): Promise<FileSummary>;
}
