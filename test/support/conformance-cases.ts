/**
 * What RFC 9113 asks of a server, case by case: what the client sends, and what must come of it.
 *
 * Every case begins on a connection of its own whose settings are agreed. Stream 1 is the one that is spoken of; stream 3 and
 * those above are free. Where the RFC leaves a choice, all that it leaves are listed, ours first.
 */
import { FRAME_SECTIONS } from "./conformance-frames.ts";
import { MESSAGE_SECTIONS } from "./conformance-messages.ts";
import { STREAM_SECTIONS } from "./conformance-streams.ts";

export interface ConformanceCase {
  readonly section: string;
  readonly title: string;
  readonly send: readonly Buffer[];
  /** `answered` is said of stream 1; `ignored` when a later call is answered and nothing else happened. */
  readonly verdicts: readonly string[];
}

export const CONFORMANCE_CASES: readonly ConformanceCase[] = Object.entries({
  ...STREAM_SECTIONS,
  ...FRAME_SECTIONS,
  ...MESSAGE_SECTIONS,
}).flatMap(([section, rows]) =>
  rows.map(([title, send, ...verdicts]) => ({ section, title, send, verdicts })),
);
