/** A body that nobody reads yet: what waits is bounded, and none of it is kept in small pieces. */
import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import net from "node:net";
import { expect, it, onTestFinished } from "vitest";
import { LIMITS } from "../../../../src/limits.ts";
import { ArrivingBody } from "../../../../src/service/http/arriving-body.ts";
import { openHttpServer } from "../../../../src/service/http/open-http-server.ts";
import { settled } from "../../../support/settled.ts";

/** A request whose handler does nothing, and its connection. */
async function arriving(): Promise<{ request: IncomingMessage; client: net.Socket }> {
  const requests: IncomingMessage[] = [];
  const server = openHttpServer(undefined, (request) => void requests.push(request));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const client = net.connect((server.address() as net.AddressInfo).port, "127.0.0.1");
  onTestFinished(() => {
    client.destroy();
    server.close();
    server.closeAllConnections();
  });
  client.write("PUT /a HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n");
  expect(await settled(() => requests.length)).toBe(1);
  return { request: requests[0]!, client };
}

it.each([
  { what: "one byte", chunk: "1\r\na\r\n", chunks: 200_000, wire: 6 },
  { what: "64 KiB", chunk: `10000\r\n${"a".repeat(0x1_0000)}\r\n`, chunks: 64, wire: 1.01 },
])("is bounded in chunks of $what, and node:http keeps none of them", async ({ chunk, chunks, wire }) => {
  const { request, client } = await arriving();
  client.write(chunk.repeat(chunks));
  const read = (): number => request.socket.bytesRead;
  await settled(read);
  // What is parsed, one slice too much, and one read of the socket.
  const boundBytes = (LIMITS.httpArrivedBytesMax + LIMITS.httpSliceBytesMax) * wire + 2 * 64 * 1024;
  expect(read()).toBeLessThan(boundBytes);
  expect(request.readableLength).toBe(0);
  let bytes = 0;
  const body = ArrivingBody.of(request);
  for (let part = body.next(); part !== undefined; part = body.next()) bytes += part.length;
  expect(bytes).toBeGreaterThan(0);
  expect(bytes).toBeLessThanOrEqual(2 * LIMITS.httpArrivedBytesMax);
});
