/**
 * A directory of a test's own under the system's temporary one, removed with all it holds by `remove`.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface TemporaryDirectory {
  readonly path: string;
  /** Safe to call more than once. */
  remove(): void;
}

export function temporaryDirectory(purpose: string): TemporaryDirectory {
  const path = mkdtempSync(join(tmpdir(), `flame-${purpose}-`));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}
