/**
 * The rest of a body that the server refuses to store.
 *
 * If the server closed the connection while the client still sends, the client would often see a
 * reset and not the answer. So a moderate rest is read and dropped first. Afterwards the connection
 * is closed: what follows on it could be mistaken for a request.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { LIMITS } from "../../limits.ts";
import { ArrivingBody } from "./arriving-body.ts";
import { expectsContinue } from "./body-reader.ts";

/** Resolves when the answer can be sent. Costs nothing if the body has been read. */
export async function dropBody(request: IncomingMessage, response: ServerResponse): Promise<void> {
  if (request.complete || response.headersSent || response.destroyed) return;
  response.setHeader("connection", "close");
  // The client waits for `100 Continue` and sends nothing.
  if (expectsContinue(request) && !request.readableDidRead) return;
  const body = ArrivingBody.of(request);
  let droppedBytes = 0;
  await new Promise<void>((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      clearTimeout(quiet);
      resolve();
    };
    const timer = setTimeout(end, LIMITS.closeGraceMs);
    const quiet = setTimeout(end, LIMITS.httpQuietMs);
    body.drop();
    request.on("data", (chunk: Buffer) => {
      quiet.refresh();
      droppedBytes += chunk.length;
      if (droppedBytes > LIMITS.httpDroppedBytesMax) end();
    });
    request.once("end", end).once("close", end);
  });
  body.stop();
}
