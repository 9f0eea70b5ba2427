/**
 * Sends the stored messages of a table as they are in its file, in few long ranges.
 *
 * The messages of a file of ours follow each other without a gap, so a million small batches are
 * read in large pieces. In files of other programs there may be gaps, which are left out.
 */
import type { StoredObject } from "../../../object/stored-blocks.ts";
import { turnIfDue } from "../../../turns.ts";
import type { BodyWriter, SourceRange } from "../body-writer.ts";

/** Blocks between two checks of the turn's length. */
const BLOCKS_PER_STEP = 1024;

export async function sendMessages(object: StoredObject, writer: BodyWriter): Promise<void> {
  for (const range of rangesOf(object)) {
    if (range === undefined) {
      const turn = turnIfDue();
      if (turn !== undefined) await turn;
    } else await writer.sendRange(object.source, range);
  }
}

/** Bytes that sendMessages sends; in steps, as there may be very many messages. */
export function* messageBytes(object: StoredObject): Generator<void, number> {
  let sizeBytes = 0;
  for (const range of rangesOf(object)) {
    if (range === undefined) yield;
    else sizeBytes += range.sizeBytes;
  }
  return sizeBytes;
}

/** Ranges of adjacent messages; now and then undefined, for other work in between. */
function* rangesOf({ batches }: StoredObject): Generator<SourceRange | undefined> {
  let position = 0;
  let end = 0;
  let looked = 0;
  for (const { block } of batches) {
    if (block.position !== end) {
      if (end > position) yield { position, sizeBytes: end - position };
      position = block.position;
    }
    end = block.position + block.metadataSizeBytes + block.bodySizeBytes;
    looked += 1;
    if (looked % BLOCKS_PER_STEP === 0) yield undefined;
  }
  if (end > position) yield { position, sizeBytes: end - position };
}
