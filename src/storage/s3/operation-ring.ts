/**
 * The latest operations of a manifest, by which a replica recognizes its own write after an answer
 * was lost. Packed, oldest first, so that a remembered manifest costs no objects for them:
 *
 *     0  16  operation, random
 *    16   8  version that the object had then, double, little-endian
 *
 * The list reaches back over LIMITS.operationsKeptMax changes. `seesAllSince` is false if more
 * changes lie between two states: then an operation that is not in the list may still have been
 * applied.
 */
import { LIMITS } from "../../limits.ts";
import type { Manifest } from "./manifest.ts";

export const OPERATION_BYTES = 24;
const OP_BYTES = 16;

/** An operation that changed a manifest, and the version that the object had then. */
export interface Operation {
  /** 32 hex digits. */
  readonly op: string;
  readonly version: number;
}

/** The operations of the manifest that follows. */
export function withOperation(recent: Buffer | undefined, { op, version }: Operation): Buffer {
  const kept = recent?.subarray(-OPERATION_BYTES * (LIMITS.operationsKeptMax - 1)) ?? Buffer.alloc(0);
  const next = Buffer.alloc(kept.length + OPERATION_BYTES);
  kept.copy(next);
  next.write(op, kept.length, "hex");
  next.writeDoubleLE(version, kept.length + OP_BYTES);
  return next;
}

export function listOperations(recent: Buffer): Operation[] {
  return Array.from({ length: recent.length / OPERATION_BYTES }, (_, index) => {
    const start = index * OPERATION_BYTES;
    const op = recent.toString("hex", start, start + OP_BYTES);
    return { op, version: recent.readDoubleLE(start + OP_BYTES) };
  });
}

export function findOperation(manifest: Manifest | undefined, op: string): Operation | undefined {
  return manifest && listOperations(manifest.recent).find((each) => each.op === op);
}

/** True for a list that is not empty and in which all versions are possible. */
export function checkOperations(recent: Buffer): boolean {
  for (let start = 0; start < recent.length; start += OPERATION_BYTES) {
    const version = recent.readDoubleLE(start + OP_BYTES);
    if (!Number.isInteger(version) || version < 0 || version > LIMITS.versionMax) return false;
  }
  return recent.length > 0;
}

/** True if the list of `now` has each operation since `before`. Undefined: there is no manifest. */
export function seesAllSince(before: Manifest | undefined, now: Manifest | undefined): boolean {
  const changes = (now?.changes ?? 0) - (before?.changes ?? 0);
  return changes >= 0 && changes <= LIMITS.operationsKeptMax;
}
