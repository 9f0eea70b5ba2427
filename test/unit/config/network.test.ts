import type { NetworkInterfaceInfo } from "node:os";
import { resetSync } from "@logtape/logtape";
import { describe, expect, it, onTestFinished } from "vitest";
import { resolveAddresses } from "../../../src/config/network.ts";
import { startLog } from "../../../src/log.ts";

function address(text: string, internal = false): NetworkInterfaceInfo {
  const family = text.includes(":") ? "IPv6" : "IPv4";
  return {
    address: text,
    family,
    internal,
    netmask: "",
    mac: "",
    cidr: null,
    scopeid: 0,
  } as NetworkInterfaceInfo;
}

const INTERFACES = {
  lo: [address("127.0.0.1", true), address("::1", true)],
  wg0: [address("fd00::1")],
  eth0: [address("fe80::1"), address("10.0.0.5")],
  eth1: [address("192.168.1.5")],
};

const at = (host: string, networkInterface?: string) =>
  resolveAddresses({ endpoint: { scheme: "grpc", host, port: 9090 }, networkInterface }, INTERFACES);

describe("addresses", () => {
  it("are the endpoint's own when nothing else is said", () => {
    expect(at("127.0.0.1")).toEqual({
      listen: [{ host: "127.0.0.1", port: 9090 }],
      advertisedHost: "127.0.0.1",
    });
    expect(at("cache.example.org").advertisedHost).toBe("cache.example.org");
  });

  it.each(["0.0.0.0", "::"])("advertise the first external IPv4 for the wildcard %s", (host) => {
    expect(at(host)).toEqual({ listen: [{ host, port: 9090 }], advertisedHost: "10.0.0.5" });
  });

  it("advertise the loopback address for a wildcard when there is no external IPv4", () => {
    const endpoint = { scheme: "grpc", host: "0.0.0.0", port: 9090 } as const;
    const alone = resolveAddresses(
      { endpoint, networkInterface: undefined },
      { lo: INTERFACES.lo, wg0: INTERFACES.wg0 },
    );
    expect(alone.advertisedHost).toBe("127.0.0.1");
  });

  it("advertise a matching interface and listen on it beside the endpoint's host", () => {
    expect(at("127.0.0.1", "^eth1$")).toEqual({
      listen: [
        { host: "127.0.0.1", port: 9090 },
        { host: "192.168.1.5", port: 9090 },
      ],
      advertisedHost: "192.168.1.5",
    });
  });

  it("take the first of several matches that has an IPv4", () => {
    expect(at("127.0.0.1", "eth|wg").advertisedHost).toBe("10.0.0.5");
  });

  it.each(["0.0.0.0", "192.168.1.5"])("listen once when %s covers the matching interface", (host) => {
    expect(at(host, "eth1")).toEqual({ listen: [{ host, port: 9090 }], advertisedHost: "192.168.1.5" });
  });

  it("may be internal when the expression says so", () => {
    expect(at("0.0.0.0", "lo").advertisedHost).toBe("127.0.0.1");
  });

  it.each(["nothing", "wg0"])("are refused, with the names there are, when %s matches no IPv4", (pattern) => {
    expect(() => at("127.0.0.1", pattern)).toThrow(
      `[INVALID_CONFIG] cache.network_interface must match an interface with an IPv4 address: got "${pattern}", available: lo, eth0, eth1`,
    );
  });

  it("are found within 100 ms whatever the expression", () => {
    const began = performance.now();
    const interfaces = { ["a".repeat(100_000)]: [address("10.0.0.1")] };
    const endpoint = { scheme: "grpc", host: "h", port: 1 } as const;
    expect(() => resolveAddresses({ endpoint, networkInterface: "^(a+)+b$" }, interfaces)).toThrow();
    expect(performance.now() - began).toBeLessThan(100);
  });

  it("of this machine can be resolved", () => {
    const endpoint = { scheme: "grpc", host: "0.0.0.0", port: 0 } as const;
    expect(resolveAddresses({ endpoint, networkInterface: undefined }).advertisedHost).toMatch(
      /^\d+\.\d+\.\d+\.\d+$/,
    );
  });

  it("without an external address is no worry when another endpoint is advertised", () => {
    const endpoint = { scheme: "grpc", host: "0.0.0.0", port: 1 } as const;
    const advertise = { scheme: "grpc", host: "h", port: 2 } as const;
    const lines: unknown[] = [];
    startLog({ directives: [], format: "json", stream: { write: (line) => lines.push(line) } });
    onTestFinished(() => resetSync());
    resolveAddresses({ endpoint, networkInterface: undefined, advertise }, {});
    expect(lines).toEqual([]);
    resolveAddresses({ endpoint, networkInterface: undefined }, {});
    expect(lines).toHaveLength(1);
  });
});
