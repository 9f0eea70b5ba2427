/**
 * What happened to a key, the latest event first.
 */
import type { WhyEvent } from "../api/answers.ts";
import { formatBytes, formatRelative, formatTime } from "../format/quantities.ts";
import { visible } from "../format/visible-text.ts";
import { useNow } from "../parts/use-now.ts";

/** Events that end an object. */
const ENDS = /^(deleted|evicted|expired|quarantined|damaged|missing|lost)$/;
const EVENTS_MAX = 200;

export function EventList({ events }: { events: readonly WhyEvent[] }) {
  const nowMs = useNow(5_000);
  if (events.length === 0) return <p class="notice">The journal has no events of this key.</p>;
  const latest = events.toSorted((a, b) => timeOf(b) - timeOf(a)).slice(0, EVENTS_MAX);
  return (
    <ol class="events">
      {latest.map((event, index) => (
        <li key={`${event.at} ${index}`} class={ENDS.test(event.event) ? "event-end" : ""}>
          <p>
            <b>{visible(event.event)}</b>
            {event.version !== null && event.version !== undefined && (
              <span class="dim"> version {event.version}</span>
            )}
            {event.at !== null && (
              <time dateTime={event.at} title={formatTime(event.at)}>
                {formatRelative(Date.parse(event.at), nowMs)}
              </time>
            )}
          </p>
          <Details event={event} />
        </li>
      ))}
    </ol>
  );
}

function timeOf({ at }: WhyEvent): number {
  return at === null ? 0 : Date.parse(at);
}

function Details({ event: { by, cause, bytes, at } }: { event: WhyEvent }) {
  const parts = [
    cause ? visible(cause) : undefined,
    by ? `by ${visible(by)}` : undefined,
    bytes ? formatBytes(bytes) : undefined,
    at === null ? undefined : formatTime(at),
  ].filter((part) => part !== undefined);
  return <p class="dim">{parts.join(" · ")}</p>;
}
