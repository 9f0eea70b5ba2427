/**
 * Spans of calls with the SDK of OpenTelemetry in this process, as a host registers it.
 */
import { context, propagation, SpanKind, SpanStatusCode, trace } from "@opentelemetry/api";
import {
  InMemorySpanExporter,
  NodeTracerProvider,
  type ReadableSpan,
  SimpleSpanProcessor,
} from "@opentelemetry/sdk-trace-node";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { encodeAction, encodeTicket } from "../../../src/flight/messages.ts";
import { FLIGHT_METHODS } from "../../../src/flight/methods.ts";
import { formatTicket } from "../../../src/flight/ticket.ts";
import { pathDescriptor, valuePut } from "../../support/flight-messages.ts";
import { type ScrapedServer, startScraped } from "../../support/scraped-server.ts";

const TRACE_ID = "0af7651916cd43dd8448eb211c80319c";
const PARENT_ID = "b7ad6b7169203331";
const TRACE = { traceparent: `00-${TRACE_ID}-${PARENT_ID}-01`, tracestate: "vendor=value" };

const exporter = new InMemorySpanExporter();
let server: ScrapedServer;

beforeAll(async () => {
  new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }).register();
  server = await startScraped();
});

beforeEach(() => exporter.reset());

afterAll(async () => {
  await server[Symbol.asyncDispose]();
  for (const api of [trace, propagation, context]) api.disable();
});

function onlySpan(): ReadableSpan {
  expect(exporter.getFinishedSpans()).toHaveLength(1);
  return exporter.getFinishedSpans()[0]!;
}

describe("a call over gRPC", () => {
  it("has a span by the conventions, as a child of the caller's span", async () => {
    const put = valuePut(pathDescriptor("a/s/o"), "x");
    await server.client.exchange(FLIGHT_METHODS.DoPut.path, put, { metadata: TRACE });
    const span = onlySpan();
    expect(span.name).toBe("arrow.flight.protocol.FlightService/DoPut");
    expect(span.kind).toBe(SpanKind.SERVER);
    expect(span.status.code).toBe(SpanStatusCode.UNSET);
    expect(span.spanContext().traceId).toBe(TRACE_ID);
    expect(span.parentSpanContext?.spanId).toBe(PARENT_ID);
    expect(span.spanContext().traceState?.get("vendor")).toBe("value");
    expect(span.attributes).toEqual({
      "rpc.system.name": "grpc",
      "rpc.method": "arrow.flight.protocol.FlightService/DoPut",
      "rpc.response.status_code": "OK",
      "network.peer.address": "127.0.0.1",
      "network.peer.port": expect.any(Number),
    });
  });

  it("begins a trace if the caller has none, or a wrong one", async () => {
    const ticket = [encodeTicket(formatTicket("a/s/o"))];
    await server.client.exchange(FLIGHT_METHODS.DoGet.path, ticket, { metadata: { traceparent: "00-zz" } });
    const span = onlySpan();
    expect(span.parentSpanContext).toBeUndefined();
    expect(span.spanContext().traceId).not.toBe(TRACE_ID);
  });

  it("that the caller got wrong names its error and is no error of the server", async () => {
    await expect(server.client.get("a/s/none")).rejects.toThrow();
    const { attributes, status } = onlySpan();
    expect(attributes).toMatchObject({
      "rpc.response.status_code": "NOT_FOUND",
      "error.type": "OBJECT_NOT_FOUND",
    });
    expect(status.code).toBe(SpanStatusCode.UNSET);
  });

  it("that the server cannot do is an error", async () => {
    await expect(server.client.exchange(FLIGHT_METHODS.DoExchange.path, [])).rejects.toThrow();
    expect(onlySpan().status).toMatchObject({ code: SpanStatusCode.ERROR, message: "NOT_IMPLEMENTED" });
  });

  it("names the action that it runs", async () => {
    const request = encodeAction({ type: "DELETE", body: Buffer.from("a/s/none") });
    await server.client.exchange(FLIGHT_METHODS.DoAction.path, [request]);
    expect(onlySpan().attributes).toMatchObject({ "flame_cache.action": "DELETE" });
  });
});

describe("a call over HTTP", () => {
  it("has a span by the conventions, without the query", async () => {
    await fetch(`${server.admin}/healthz?token=secret`, { headers: TRACE });
    const span = onlySpan();
    expect([span.name, span.kind]).toEqual(["GET /healthz", SpanKind.SERVER]);
    expect(span.parentSpanContext?.spanId).toBe(PARENT_ID);
    expect(span.attributes).toEqual({
      "http.request.method": "GET",
      "http.route": "/healthz",
      "http.response.status_code": 200,
      "url.path": "/healthz",
      "url.scheme": "http",
      "network.peer.address": "127.0.0.1",
    });
  });

  it("without a route has no path in its name", async () => {
    await fetch(`${server.admin}/client/chosen`);
    const { name, attributes, status } = onlySpan();
    expect(name).toBe("GET");
    expect(attributes).toMatchObject({ "http.response.status_code": 404, "error.type": "OBJECT_NOT_FOUND" });
    expect(status.code).toBe(SpanStatusCode.UNSET);
  });
});
