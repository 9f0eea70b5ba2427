/** Answers over HTTP keep the event loop awake for the next request, as those of Flight do. */
import { expect, it, onTestFinished, vi } from "vitest";
import { THREAD_POLL } from "../../../../src/busy-poll.ts";
import { httpCache } from "../../../support/http-cache.ts";
import { OBJECT, put } from "../../../support/http-requests.ts";

it("an answer is followed by a poll, which ends when the next request arrives", async () => {
  const cache = await httpCache();
  const answered = vi.spyOn(THREAD_POLL, "answered");
  const arrived = vi.spyOn(THREAD_POLL, "arrived");
  onTestFinished(() => void vi.restoreAllMocks());
  await (await put(cache, OBJECT, "one")).arrayBuffer();
  await vi.waitFor(() => expect(answered).toHaveBeenCalledOnce());
  arrived.mockClear();
  await (await put(cache, OBJECT, "two")).arrayBuffer();
  await vi.waitFor(() => expect(answered).toHaveBeenCalledTimes(2));
  expect(arrived).toHaveBeenCalled();
});
