import { EventEmitter, getEventListeners } from "node:events";
import { expect, it } from "vitest";
import { EventStream } from "../../../../src/service/admin/event-stream.ts";
import type { HttpCall } from "../../../../src/service/http/http-call.ts";

/** Of a client that is always behind. */
class SlowResponse extends EventEmitter {
  readonly writableNeedDrain = true;
  writeHead(): void {}
  flushHeaders(): void {}
}

it("an event stream whose client is often behind does not gather listeners", async () => {
  const { signal } = new AbortController();
  const response = new SlowResponse();
  const stream = new EventStream({ response, signal } as unknown as HttpCall);
  for (let pause = 0; pause < 3; pause += 1) {
    const caughtUp = stream.caughtUp();
    expect(getEventListeners(signal, "abort")).toHaveLength(1);
    response.emit("drain");
    await caughtUp;
  }
  expect(getEventListeners(signal, "abort")).toHaveLength(0);
});
