import { describe, expect, it } from "vitest";
import { FLIGHT_METHODS, HEALTH_METHODS } from "../../../src/flight/methods.ts";

describe("the method table", () => {
  it("names every method of Arrow Flight, by kind", () => {
    const names = Object.entries(FLIGHT_METHODS).map(([name, { kind }]) => `${name} ${kind}`);
    expect(names.toSorted()).toEqual([
      "DoAction serverStreaming",
      "DoExchange bidiStreaming",
      "DoGet serverStreaming",
      "DoPut bidiStreaming",
      "GetFlightInfo unary",
      "GetSchema unary",
      "Handshake bidiStreaming",
      "ListActions serverStreaming",
      "ListFlights serverStreaming",
      "PollFlightInfo unary",
    ]);
  });

  it.each(Object.entries(FLIGHT_METHODS))("has the path of %s", (name, { path }) => {
    expect(path).toBe(`/arrow.flight.protocol.FlightService/${name}`);
  });

  it.each(Object.entries(HEALTH_METHODS))("has the path of the health check's %s", (name, { path }) => {
    expect(path).toBe(`/grpc.health.v1.Health/${name}`);
  });
});
