/**
 * The body of a request in any chunking: every byte once, in order, however it is taken.
 */

import { IncomingMessage, ServerResponse } from "node:http";
import { Socket } from "node:net";
import { setImmediate as nextTurn } from "node:timers/promises";
import { expect, it } from "vitest";
import { BodyReader } from "../../../../src/service/http/body-reader.ts";
import { HttpTransfers } from "../../../../src/service/http/transfers.ts";
import { Random } from "../../../support/random.ts";

const NEVER = new AbortController().signal;
const SIZES = [1, 2, 100, 511, 512, 513, 4000, 4096, 5000, 70_000];

async function readerOf(chunks: readonly Buffer[]): Promise<BodyReader> {
  const request = new IncomingMessage(new Socket());
  const transfer = await new HttpTransfers().begin(NEVER);
  request._read = () => {};
  // Each chunk comes in a turn of its own.
  void (async () => {
    for (const chunk of [...chunks, null]) {
      await nextTurn();
      request.push(chunk);
    }
  })();
  request.complete = true;
  return new BodyReader(request, new ServerResponse(request), transfer);
}

it.each(Array.from({ length: 60 }, (_, seed) => seed))("seed %i", async (seed) => {
  const random = new Random(seed);
  const chunks = Array.from({ length: 1 + random.below(20) }, () =>
    Buffer.alloc(random.pick(SIZES), random.below(256)),
  );
  const reader = await readerOf(chunks);
  const taken: Buffer[] = [];
  for (let part: Buffer | undefined = Buffer.alloc(1); part !== undefined && part.length > 0; ) {
    const count = random.pick(SIZES);
    part = random.below(2) === 0 ? await reader.next(count) : await reader.exactly(count);
    expect(part?.length ?? 0).toBeLessThanOrEqual(count);
    taken.push(part ?? Buffer.alloc(0));
  }
  expect(Buffer.concat(taken).equals(Buffer.concat(chunks))).toBe(true);
});
