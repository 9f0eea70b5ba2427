/**
 * What the name of a stored file says of its content: whether it is an object's base, and in which form it is written.
 */
import type { FileForm } from "../object/file-head.ts";
import type { ObjectPart } from "./object-storage.ts";

/** True for what an object cannot be without. */
export function isBase({ kind }: ObjectPart): boolean {
  return kind === "file" || kind === "stream";
}

/** The form of a file under this name; a patch may have either. */
export function formOfPart({ kind }: ObjectPart): FileForm | "either" {
  if (kind === "patch") return "either";
  return kind === "delta" ? "file" : kind;
}
