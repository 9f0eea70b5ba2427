import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Replicas } from "../../../../src/client/cache/replicas.ts";
import { rendezvousOrder } from "../../../../src/flight/rendezvous.ts";
import { replicaList } from "../../../../src/flight/replica-list.ts";
import { LIMITS } from "../../../../src/limits.ts";

const SERVICE = "grpc://cache:9090";
const ALL = ["grpc://a:1", "grpc://b:2", "grpc://c:3"];
const KEY = "app/session/1";
const [OWNER = "", HEIR = "", LAST = ""] = rendezvousOrder(ALL, KEY);

function known(endpoint = SERVICE, list: readonly string[] = ALL): Replicas {
  const replicas = new Replicas(endpoint);
  replicas.learn(replicaList(list).text);
  return replicas;
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["performance"] });
});
afterEach(() => {
  vi.useRealTimers();
});

describe("the servers behind an endpoint", () => {
  it("are the endpoint alone until one of them names the others", () => {
    const replicas = new Replicas(SERVICE);
    expect([replicas.choose(KEY), replicas.tag, replicas.has(OWNER)]).toEqual([SERVICE, "", false]);
    expect(replicas.lose(SERVICE)).toBe(false);
    expect(replicas.choose(KEY)).toBe(SERVICE);
  });

  it("get a key from its owner, and everything else at the endpoint", () => {
    const replicas = known();
    expect([replicas.choose(KEY), replicas.choose(undefined)]).toEqual([OWNER, SERVICE]);
    expect(replicas.tag).toBe(replicaList(ALL).tag);
  });

  it("continue in the order of the key when they are lost, and at the endpoint last", () => {
    const replicas = known();
    for (const each of ALL) replicas.answered(each);
    const tried: string[] = [];
    for (let more = true; more; ) {
      const next = replicas.choose(KEY);
      tried.push(next);
      more = replicas.lose(next);
    }
    expect(tried).toEqual([OWNER, HEIR, LAST, SERVICE]);
    expect(replicas.choose(KEY)).toBe(SERVICE);
  });

  it("take the place of an endpoint that is lost", () => {
    const replicas = known();
    expect(replicas.lose(SERVICE)).toBe(true);
    expect(ALL).toContain(replicas.choose(undefined));
  });

  it("are called again some time after they were lost", () => {
    const replicas = known();
    replicas.answered(OWNER);
    replicas.lose(OWNER);
    expect(replicas.choose(KEY)).toBe(HEIR);
    vi.advanceTimersByTime(LIMITS.clientLostReplicaMs + 1);
    expect(replicas.choose(KEY)).toBe(OWNER);
  });

  it("are a last resort once one that has never answered is lost", () => {
    const replicas = known();
    replicas.lose(OWNER);
    expect(replicas.choose(KEY)).toBe(SERVICE);
    replicas.lose(SERVICE);
    expect(replicas.choose(KEY)).toBe(HEIR);
    replicas.learn(replicaList(ALL.slice(1)).text);
    expect(replicas.choose("app/session/2")).not.toBe(SERVICE);
  });

  it("are not those without TLS if the endpoint has TLS", () => {
    const safe = "grpc+tls://d:4";
    const replicas = known("grpc+tls://cache:9090", [...ALL, safe]);
    expect([replicas.choose(KEY), replicas.has(ALL[0]!)]).toEqual([safe, false]);
  });

  it.each([
    ["no endpoints", "grpc://a:1 b"],
    ["nothing", ""],
    ["too much", `grpc://a:1 ${"x".repeat(LIMITS.replicaListBytesMax)}`],
  ])("are not learned from a text that is %s", (_, text) => {
    const replicas = known();
    replicas.learn(text);
    expect(replicas.tag).toBe(replicaList(ALL).tag);
  });

  it("are remembered in a bounded number", () => {
    const many = Array.from({ length: 200 }, (_, index) => `grpc://host-${index}:1`);
    const replicas = known(SERVICE, many);
    expect(many.filter((each) => replicas.has(each))).toHaveLength(LIMITS.clientReplicasMax);
  });
});
