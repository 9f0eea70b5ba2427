import { describe, expect, it } from "vitest";
import { endpointSchema, formatDialEndpoint, formatEndpoint } from "../../../src/config/endpoint.ts";

describe("endpoints", () => {
  it.each([
    ["grpc://127.0.0.1:9090", { scheme: "grpc", host: "127.0.0.1", port: 9090 }],
    ["grpcs://cache.example.org:443", { scheme: "grpcs", host: "cache.example.org", port: 443 }],
    ["grpc+tls://cache:443/", { scheme: "grpcs", host: "cache", port: 443 }],
    ["GRPC://Cache_1:0", { scheme: "grpc", host: "Cache_1", port: 0 }],
    ["grpc://[::1]:9090", { scheme: "grpc", host: "::1", port: 9090 }],
    [" grpc://0.0.0.0:1 ", { scheme: "grpc", host: "0.0.0.0", port: 1 }],
    ["grpc+tcp://cache:9090", { scheme: "grpc", host: "cache", port: 9090 }],
    ["grpc://cache", { scheme: "grpc", host: "cache", port: 9090 }],
  ])("reads %s", (text, endpoint) => {
    expect(endpointSchema.parse(text)).toEqual(endpoint);
  });

  it.each([
    "",
    "127.0.0.1:9090",
    "cache",
    "http://cache:9090",
    "grpc:/cache:9090",
    "grpc://:9090",
    "grpc://*:9090",
    "grpc://cache:",
    "grpc://cache:65536",
    "grpc://cache:-1",
    "grpc://cache:9090/path",
    "grpc://user@cache:9090",
    "grpc://cache:9090?x",
    "grpc://[::1",
    "grpc://[cache]:9090",
    "grpc://::1:9090",
    "grpc://ca che:9090",
    "grpc://-cache:9090",
  ])("refuses %j", (text) => {
    expect(endpointSchema.safeParse(text).success).toBe(false);
  });

  it("is written for configuration with grpcs and for clients with grpc+tls", () => {
    const endpoint = { scheme: "grpcs", host: "::1", port: 9090 } as const;
    expect(formatEndpoint(endpoint)).toBe("grpcs://[::1]:9090");
    expect(formatDialEndpoint(endpoint)).toBe("grpc+tls://[::1]:9090");
    expect(formatDialEndpoint({ ...endpoint, scheme: "grpc", host: "cache" })).toBe("grpc://cache:9090");
  });

  it.each(["grpc://127.0.0.1:9090", "grpcs://[fe80::1]:1"])(
    "is %s again after reading and writing",
    (text) => {
      expect(formatEndpoint(endpointSchema.parse(text))).toBe(text);
    },
  );
});
