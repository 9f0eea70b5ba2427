/**
 * Finds the lines of some names in a part of the event journal, without parsing the others.
 *
 * Source of the format: object-event.ts. A line of a name begins with known bytes, so the search is
 * one of Buffer.indexOf after line feeds. Cost: about 1 ms for each MiB and name; other calls run in
 * between. Of many matches only the newest are kept.
 */
import { LIMITS } from "../../limits.ts";
import { decodeEvent, lineStart, type ObjectEvent } from "./object-event.ts";

const LINE_FEED = Buffer.from("\n");

/** The newest events of these names in whole lines, oldest first. For `inTurns`. */
export function* findEventSteps(
  lines: Buffer,
  names: readonly string[],
  countMax: number,
): Generator<void, ObjectEvent[]> {
  let places: number[] = [];
  for (const name of names) {
    const found: number[] = [];
    yield* findPlaces(lines, lineStart(name), (place) => {
      found.push(place);
      // The newest are last.
      if (found.length >= 2 * countMax) found.splice(0, found.length - countMax);
    });
    places = places.concat(found);
  }
  const newest = places.sort((a, b) => a - b).slice(-countMax);
  const events: ObjectEvent[] = [];
  for (const place of newest) {
    const event = decodeEvent(lines.toString("utf8", place, lines.indexOf(LINE_FEED, place)));
    if (event !== undefined) events.push(event);
  }
  return events;
}

/**
 * The time of the oldest event of a part, ms. The first line of a segment is written together with
 * the second, which waited and may be older.
 */
export function oldestMs(lines: Buffer): number | undefined {
  const first = lines.indexOf(LINE_FEED);
  const second = lines.indexOf(LINE_FEED, first + 1);
  const texts = [
    lines.toString("utf8", 0, first),
    lines.toString("utf8", first + 1, Math.max(first, second)),
  ];
  const times = texts.map((text) => decodeEvent(text)?.atMs).filter((atMs) => atMs !== undefined);
  return times.length === 0 ? undefined : Math.min(...times);
}

function* findPlaces(lines: Buffer, start: Buffer, found: (place: number) => void): Generator<void> {
  if (lines.subarray(0, start.length).equals(start)) found(0);
  const wanted = Buffer.concat([LINE_FEED, start]);
  for (let from = 0; from < lines.length; from += LIMITS.whySliceBytes) {
    // Overlaps the next slice by what may begin in this one.
    const slice = lines.subarray(from, from + LIMITS.whySliceBytes + wanted.length - 1);
    for (let place = slice.indexOf(wanted); place >= 0; place = slice.indexOf(wanted, place + 1)) {
      found(from + place + LINE_FEED.length);
    }
    yield;
  }
}
