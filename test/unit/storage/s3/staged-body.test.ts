/**
 * What bodies of running puts hold in memory: small ones up to a bound for all, and then none.
 */
import { expect, it } from "vitest";
import { StagedBody } from "../../../../src/storage/s3/staged-body.ts";
import { StagedMemory } from "../../../../src/storage/staged-memory.ts";
import { BucketReplica, FACTS, KEY } from "../../../support/bucket-replica.ts";

const BOUND = 10_000;

function bodies(count: number, replica = new BucketReplica()) {
  const memory = new StagedMemory(BOUND);
  const { bucket, timing } = replica.objects.manifests;
  const open = () => new StagedBody({ bucket, timing, key: KEY, memory });
  return { memory, replica, opened: Array.from({ length: count }, open) };
}

it("bodies of puts that do not end hold little more than the bound, and are complete", async () => {
  const { memory, replica, opened } = bodies(50);
  const work = async (): Promise<string[]> => {
    for (let piece = 0; piece < 4; piece += 1) {
      for (const body of opened) await body.append([Buffer.alloc(100, `${piece}`)]);
      expect(memory.sizeBytes).toBeLessThanOrEqual(BOUND + 100);
    }
    const finished = await Promise.all(opened.map((body) => body.finish()));
    for (const [index, body] of finished.entries())
      await replica.objects.put({ ...KEY, objectId: `${index}` }, body, FACTS);
    return finished.map(({ span }) => span.kind);
  };
  const kinds = await replica.run(work());
  expect(new Set(kinds)).toEqual(new Set(["inline", "blob"]));
  for (const body of opened) body.release();
  expect(memory.sizeBytes).toBe(0);
});

it("a body of few bytes keeps no large buffer of a connection while much is staged", async () => {
  const { memory, opened } = bodies(2);
  memory.take(BOUND / 2);
  const received = Buffer.alloc(60_000, "x");
  await opened[0]!.append([received.subarray(0, 10)]);
  const { span } = await opened[0]!.finish();
  expect(span).toMatchObject({ kind: "inline", bytes: Buffer.alloc(10, "x") });
  expect("bytes" in span && span.bytes.buffer).not.toBe(received.buffer);
});

it("a body that grows large, or is discarded, gives its memory back", async () => {
  const { memory, replica, opened } = bodies(3);
  const [large, discarded, both] = opened as [StagedBody, StagedBody, StagedBody];
  const work = async (): Promise<void> => {
    await large.append([Buffer.alloc(100)]);
    await large.append([Buffer.alloc(100_000)]);
    await discarded.append([Buffer.alloc(100)]);
    await discarded.discard();
    await both.append([Buffer.alloc(100)]);
    await both.finish();
    expect(memory.sizeBytes).toBe(100);
    both.release();
    both.release();
  };
  await replica.run(work());
  expect(memory.sizeBytes).toBe(0);
});
