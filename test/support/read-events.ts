/**
 * Reads the server-sent events of an answer one by one.
 */
import { EventParser, type ServerEvent } from "../../dashboard/src/api/event-parser.ts";

export async function* readEvents(response: Response): AsyncGenerator<ServerEvent, undefined> {
  const parser = new EventParser();
  const decoder = new TextDecoder();
  for await (const chunk of response.body!)
    yield* parser.push(decoder.decode(chunk as Uint8Array, { stream: true }));
  return undefined;
}
