/**
 * A host without @opentelemetry/api: the server runs, and its calls have no spans.
 */
import { expect, it, vi } from "vitest";
import { Tracing } from "../../../src/service/tracing.ts";
import { startInProcess } from "../../support/in-process-server.ts";

vi.mock("@opentelemetry/api", () => {
  throw new Error("Cannot find package '@opentelemetry/api'");
});

it("a server starts and serves without @opentelemetry/api", async () => {
  expect(await Tracing.load()).toBeUndefined();
  const server = await startInProcess();
  expect(await server.client.listActions()).not.toEqual([]);
  await server.stop();
});
