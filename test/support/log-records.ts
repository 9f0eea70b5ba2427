/**
 * The records in the log of a storage directory, of which an engine may be using it: what a start
 * would find.
 */
import fs from "node:fs";
import { decodeRecords, type FoundRecord } from "../../src/storage/disk/log/log-record.ts";
import { decodeSegmentHead, SEGMENT_HEAD_BYTES } from "../../src/storage/disk/log/segment-head.ts";

/** In order. Empty if there is no log. */
export function recordsIn(directory: string): FoundRecord[] {
  const log = `${directory}/.log`;
  const segments = fs.existsSync(log)
    ? fs.readdirSync(log).map((slot) => fs.readFileSync(`${log}/${slot}`))
    : [];
  return segments
    .map((bytes) => ({ bytes, head: decodeSegmentHead(bytes) }))
    .filter(({ head }) => head !== undefined)
    .sort((a, b) => a.head!.number - b.head!.number)
    .flatMap(({ bytes, head }) => [...decodeRecords(bytes, SEGMENT_HEAD_BYTES, head!)]);
}
