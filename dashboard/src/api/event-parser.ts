/**
 * Parses a stream of server-sent events, in chunks of any size. Pure.
 *
 * Source: HTML Living Standard, "Server-sent events", without `id` and `retry`. EventSource cannot
 * send a token, so the page reads the stream with fetch.
 */

export interface ServerEvent {
  readonly name: string;
  readonly data: string;
}

/** A line or an event that is longer ends the stream: the server sends no such thing. */
const LENGTH_MAX = 4 * 1024 * 1024;

export class EventParser {
  #rest = "";
  #name = "";
  #data: string[] = [];
  #length = 0;

  /** @returns the events that this text completes. @throws {RangeError} if an event is too long. */
  push(text: string): ServerEvent[] {
    const events: ServerEvent[] = [];
    const lines = (this.#rest + text).split("\n");
    this.#rest = lines.pop()!;
    if (this.#rest.length + this.#length > LENGTH_MAX) throw new RangeError("an event is too long");
    for (const line of lines) {
      const event = this.#line(line.endsWith("\r") ? line.slice(0, -1) : line);
      if (event !== undefined) events.push(event);
    }
    return events;
  }

  #line(line: string): ServerEvent | undefined {
    if (line === "") return this.#dispatch();
    const colon = line.indexOf(":");
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (field === "event") this.#name = value;
    if (field !== "data") return undefined;
    this.#data.push(value);
    this.#length += value.length;
    return undefined;
  }

  #dispatch(): ServerEvent | undefined {
    const event = { name: this.#name || "message", data: this.#data.join("\n") };
    const isEmpty = this.#data.length === 0;
    this.#name = "";
    this.#data = [];
    this.#length = 0;
    return isEmpty ? undefined : event;
  }
}
