/**
 * What the two writers of object files have in common once the bytes are in: they are finished with a version.
 */

export interface FileSummary {
  /** The form the file took; a stream only when a dictionary was replaced midway. */
  readonly part: "file" | "stream";
  readonly rowCount: number;
  readonly dataBytes: number;
}

export interface ObjectWriter {
  /** Writes what could not be known before, and the footer. Called once, last. */
  finish(version: number): Promise<FileSummary>;
}
