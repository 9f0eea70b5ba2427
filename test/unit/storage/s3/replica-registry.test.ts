import { describe, expect, it } from "vitest";
import { LIMITS } from "../../../../src/limits.ts";
import { GarbageCollector } from "../../../../src/storage/s3/garbage-collector.ts";
import { formatRegistrationName } from "../../../../src/storage/s3/names.ts";
import { ReplicaRegistry } from "../../../../src/storage/s3/replica-registry.ts";
import { BucketReplica, HOUR_MS } from "../../../support/bucket-replica.ts";

const A = "grpc://10.0.0.1:9090";
const B = "grpc+tls://cache-1.example:9090";
const LOCAL = "grpc://127.0.0.1:9090";

/** `foreign` stands for a text that is no endpoint. */
function reachOf(endpoint: string) {
  if (endpoint.startsWith("foreign")) return undefined;
  return endpoint.includes("127.0.0.1") ? ("this host" as const) : ("everywhere" as const);
}

function registryOf(replica: BucketReplica, host = "one") {
  const { storeClock } = replica.objects.manifests;
  const registry = new ReplicaRegistry({ bucket: replica.bucket, storeClock, reachOf, host });
  return { registry, round: () => replica.run(registry.round()) };
}

async function joined(replica: BucketReplica, endpoint: string | undefined, host?: string) {
  const made = registryOf(replica, host);
  made.registry.join(endpoint);
  await made.round();
  return made;
}

function write(replica: BucketReplica, name: string): void {
  replica.contents.put(name, Buffer.alloc(0));
}

describe("the registry of replicas", () => {
  it("names itself before it has asked the store", () => {
    const { registry } = registryOf(new BucketReplica());
    registry.join(A);
    expect(registry.alive).toEqual([A]);
  });

  it("finds the others, in one order everywhere", async () => {
    const replica = new BucketReplica();
    const a = await joined(replica, A);
    const b = await joined(replica.beside(), B);
    await a.round();
    expect([a.registry.alive, b.registry.alive]).toEqual([
      [B, A],
      [B, A],
    ]);
  });

  it("costs a write and a LIST for each round", async () => {
    const replica = new BucketReplica();
    const { registry } = await joined(replica, A);
    expect(await replica.costOf(() => registry.round())).toBe(2);
  });

  it("drops a replica that was silent for three renewals by the store's clock", async () => {
    const replica = new BucketReplica();
    const a = await joined(replica, A);
    await joined(replica.beside({ clock: { wallAheadMs: HOUR_MS } }), B);
    await replica.later(LIMITS.replicaSilenceMsMax - 2000);
    await a.round();
    expect(a.registry.alive).toEqual([B, A]);
    await replica.later(4000);
    await a.round();
    expect(a.registry.alive).toEqual([A]);
  });

  it("forgets a replica that left, at once", async () => {
    const replica = new BucketReplica();
    const a = await joined(replica, A);
    const other = replica.beside();
    const b = await joined(other, B);
    await replica.run(b.registry.leave());
    await a.round();
    expect(a.registry.alive).toEqual([A]);
    expect([...replica.contents.objects.keys()]).toEqual([formatRegistrationName({ endpoint: A })]);
  });

  it("keeps the last list while the store does not answer", async () => {
    const replica = new BucketReplica();
    await joined(replica.beside(), B);
    const a = await joined(replica, A);
    replica.bucket.isDown = true;
    await a.round();
    expect(a.registry.alive).toEqual([B, A]);
  });

  it("is not listed by others without an endpoint, and lists them", async () => {
    const replica = new BucketReplica();
    const a = await joined(replica, A);
    const silent = replica.beside();
    await silent.run(silent.get());
    const { registry } = await joined(silent, undefined);
    await a.round();
    expect([registry.alive, a.registry.alive]).toEqual([[A], [A]]);
  });

  it("lists a loopback address only on the host that it belongs to", async () => {
    const replica = new BucketReplica();
    await joined(replica.beside(), LOCAL, "one");
    const beside = await joined(replica.beside(), "grpc://127.0.0.1:1", "one");
    const elsewhere = await joined(replica.beside(), "grpc://127.0.0.1:2", "two");
    const reachable = await joined(replica.beside(), A, "one");
    expect(beside.registry.alive).toEqual(["grpc://127.0.0.1:1", LOCAL]);
    expect(elsewhere.registry.alive).toEqual(["grpc://127.0.0.1:2"]);
    expect(reachable.registry.alive).toEqual([A]);
  });

  it("ignores names that no replica writes", async () => {
    const replica = new BucketReplica();
    write(replica, "r/");
    write(replica, "r/a b");
    write(replica, "r/!41");
    write(replica, "r/foreign");
    write(replica, `r/!!${"0".repeat(64)}`);
    write(replica, `r/${"a".repeat(900)}`);
    write(replica, `${formatRegistrationName({ endpoint: B })}/one`);
    write(replica, `${formatRegistrationName({ endpoint: B })}/one/two`);
    const { registry } = await joined(replica, A);
    expect(registry.alive).toEqual([A]);
  });

  it("names a bounded number of replicas, itself among them", async () => {
    const replica = new BucketReplica();
    for (let index = 0; index < LIMITS.replicasMax + 50; index += 1)
      write(replica, formatRegistrationName({ endpoint: `grpc://host-${index}:9090` })!);
    const { registry } = await joined(replica, A);
    expect(registry.alive).toHaveLength(LIMITS.replicasMax);
    expect(registry.alive).toContain(A);
  });

  it("reads a bounded number of names", async () => {
    const replica = new BucketReplica();
    for (let index = 0; index < LIMITS.registrationsListedMax + 500; index += 1)
      write(replica, `r/foreign-${index}`);
    const { registry } = await joined(replica, A);
    const lists = replica.bucket.requests.list ?? 0;
    await replica.run(registry.round());
    const pages = (replica.bucket.requests.list ?? 0) - lists;
    expect(pages).toBeLessThanOrEqual(Math.ceil(LIMITS.registrationsListedMax / 100));
  });

  it("refuses an endpoint that is too long for a name", () => {
    const { registry } = registryOf(new BucketReplica());
    expect(() => registry.join(`grpc://${"a".repeat(250)}:9090`)).toThrow(/too long/);
  });

  it("leaves what a dead replica wrote to the collector of garbage", async () => {
    const replica = new BucketReplica();
    await joined(replica.beside(), B);
    await replica.later(HOUR_MS);
    const a = await joined(replica, A);
    await replica.run(new GarbageCollector(replica.objects, { removesTombstones: true }).pass());
    const left = [...replica.contents.objects.keys()].filter((name) => name.startsWith("r/"));
    expect(left).toEqual([formatRegistrationName({ endpoint: A })]);
    expect(a.registry.alive).toEqual([A]);
  });
});
