/**
 * Maps the part in a stored file's name to its content: whether it is an object's base, and its
 * form.
 *
 * It does not open the file.
 */
import type { FileForm } from "../object/file-head.ts";
import type { ObjectPart } from "./object-storage.ts";

/** True for the part that every object has. */
export function isBase({ kind }: ObjectPart): boolean {
  return kind === "file" || kind === "stream";
}

/** The form of a file with this name. A patch may have either. */
export function formOfPart({ kind }: ObjectPart): FileForm | "either" {
  if (kind === "patch") return "either";
  return kind === "delta" ? "file" : kind;
}
