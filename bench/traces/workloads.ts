/**
 * The workloads that policies are compared on, each from a fixed seed.
 *
 * They are models, not recordings: each isolates one habit of those who use an object cache, two of them (loop, twice)
 * are there because a kind of policy is known to be bad at them.
 */
import { Draws, Zipf } from "./distributions.ts";
import { type Trace, TraceBuilder } from "./trace.ts";

const KIB = 1024;
const MIB = 1024 * KIB;

function objects(builder: TraceBuilder, draws: Draws, count: number): number[] {
  return Array.from({ length: count }, () => builder.object(draws.size(KIB, MIB)));
}

/** Gets of 20,000 objects, some far more popular than others; size and popularity have nothing to do with each other. */
export function zipf(exponent: number, events: number): Trace {
  const [builder, draws] = [new TraceBuilder(), new Draws(1)];
  const ids = objects(builder, draws, 20_000);
  const ranks = new Zipf(ids.length, exponent);
  while (builder.length < events) builder.get(ids[ranks.draw(draws)]!);
  return builder.build(`zipf ${exponent.toFixed(1)}`);
}

/** Zipf over 20,000 objects; ten times in between another set of objects comes and the popular ones are others. */
export function shift(events: number): Trace {
  const [builder, draws] = [new TraceBuilder(), new Draws(2)];
  const ids = objects(builder, draws, 20_000);
  const ranks = new Zipf(ids.length, 0.9);
  let order = ids;
  while (builder.length < events) {
    if (builder.length % Math.floor(events / 10) === 0) order = draws.shuffled(ids);
    builder.get(order[ranks.draw(draws)]!);
  }
  return builder.build("zipf 0.9, shifting");
}

/** Zipf over 10,000 objects, and after every 10,000 gets one pass over 10,000 of 60,000 others. */
export function scans(events: number): Trace {
  const [builder, draws] = [new TraceBuilder(), new Draws(3)];
  const ids = objects(builder, draws, 10_000);
  const cold = objects(builder, draws, 60_000);
  const ranks = new Zipf(ids.length, 0.9);
  for (let next = 0; builder.length < events; next += ids.length) {
    for (let i = 0; i < ids.length; i += 1) builder.get(ids[ranks.draw(draws)]!);
    for (let i = 0; i < ids.length; i += 1) builder.get(cold[(next + i) % cold.length]!);
  }
  return builder.build("zipf 0.9 and scans");
}

/** The same 10,000 objects again and again in the same order. */
export function loop(events: number): Trace {
  const [builder, draws] = [new TraceBuilder(), new Draws(4)];
  const ids = objects(builder, draws, 10_000);
  while (builder.length < events) builder.get(ids[builder.length % ids.length]!);
  return builder.build("loop");
}

/** Each object is put, read once more some time later (any time span is as likely as twice that), and never again. */
export function twice(events: number): Trace {
  const [builder, draws] = [new TraceBuilder(), new Draws(5)];
  const due = new Map<number, number[]>();
  for (let step = 0; builder.length < events; step += 1) {
    const id = builder.object(draws.size(KIB, MIB));
    builder.put(id);
    const then = step + Math.round(draws.size(10, 20_000));
    due.set(then, [...(due.get(then) ?? []), id]);
    for (const old of due.get(step) ?? []) builder.get(old);
    due.delete(step);
  }
  return builder.build("put and read once");
}

/**
 * A replay buffer of reinforcement learning: a ring of 10,000 experiences, the oldest deleted when one comes, four sampled
 * each time one comes.
 * @param meanAge of the samples as a part of the ring; undefined: any is as likely as any other.
 */
export function replay(events: number, meanAge?: number): Trace {
  const [builder, draws] = [new TraceBuilder(), new Draws(6)];
  const [ringLength, samples] = [10_000, 4];
  const ring: number[] = [];
  for (let first = 0; builder.length < events; ) {
    const id = builder.object(draws.size(16 * KIB, 256 * KIB));
    if (ring.length - first === ringLength) builder.delete(ring[first++]!);
    builder.put(id);
    ring.push(id);
    const held = ring.length - first;
    for (let i = 0; i < samples; i += 1) {
      const age =
        meanAge === undefined
          ? draws.below(held)
          : Math.floor(draws.exponential(meanAge * ringLength)) % held;
      builder.get(ring[ring.length - 1 - age]!);
    }
  }
  return builder.build(meanAge === undefined ? "replay, uniform" : "replay, recent");
}

interface Session {
  readonly contexts: number[];
  turns: number;
  reads: number;
}

/**
 * Agents: 3,000 sessions at a time, each of one to eight turns. A turn puts a context (1 KiB to 16 MiB), which is read two to
 * six times soon after, sometimes with the one before it, and then never. One read in five is of one of 60 models.
 */
export function agents(events: number): Trace {
  const [builder, draws] = [new TraceBuilder(), new Draws(7)];
  const models = Array.from({ length: 60 }, () => builder.object(draws.size(256 * KIB, 16 * MIB)));
  for (const id of models) builder.put(id);
  const popularity = new Zipf(models.length, 0.8);
  const begin = (): Session => ({ contexts: [], turns: 1 + draws.below(8), reads: 0 });
  const sessions = Array.from({ length: 3000 }, begin);
  while (builder.length < events) {
    const at = draws.below(sessions.length);
    const session = sessions[at]!;
    if (draws.below(5) === 0) builder.get(models[popularity.draw(draws)]!);
    if (session.reads > 0) {
      session.reads -= 1;
      const back = draws.below(6) === 0 ? 2 : 1;
      builder.get(session.contexts.at(-back) ?? session.contexts.at(-1)!);
    } else if (session.turns > 0) {
      session.turns -= 1;
      session.reads = 2 + draws.below(5);
      session.contexts.push(builder.object(draws.size(KIB, 16 * MIB)));
      builder.put(session.contexts.at(-1)!);
    } else sessions[at] = begin();
  }
  return builder.build("agents");
}

/**
 * Results of agents: each is put once and read by zero to eight others, each of them some time later
 * (any time span is as likely as twice that).
 */
export function results(events: number): Trace {
  const [builder, draws] = [new TraceBuilder(), new Draws(8)];
  const due = new Map<number, number[]>();
  for (let step = 0; builder.length < events; step += 1) {
    const id = builder.object(draws.size(256, 256 * KIB));
    builder.put(id);
    for (let readers = draws.below(9); readers > 0; readers -= 1) {
      const then = step + Math.round(draws.size(1, 5_000));
      due.set(then, [...(due.get(then) ?? []), id]);
    }
    for (const read of due.get(step) ?? []) builder.get(read);
    due.delete(step);
  }
  return builder.build("results");
}

/** Zipf over 20,000 small objects; one access in four is a put that replaces the object. */
export function replaced(events: number): Trace {
  const [builder, draws] = [new TraceBuilder(), new Draws(9)];
  const ids = Array.from({ length: 20_000 }, () => builder.object(draws.size(256, 64 * KIB)));
  const ranks = new Zipf(ids.length, 0.9);
  while (builder.length < events) {
    const id = ids[ranks.draw(draws)]!;
    if (draws.below(4) === 0) builder.put(id);
    else builder.get(id);
  }
  return builder.build("zipf 0.9, replaced");
}

/**
 * Zipf over 10,000 objects, and after every 10,000 gets as many puts of objects that nobody reads.
 * @param bytesMax of all objects.
 */
export function unread(events: number, bytesMax: number): Trace {
  const [builder, draws] = [new TraceBuilder(), new Draws(10)];
  const object = (): number => builder.object(draws.size(KIB, bytesMax));
  const ids = Array.from({ length: 10_000 }, object);
  const ranks = new Zipf(ids.length, 0.9);
  while (builder.length < events) {
    for (let i = 0; i < ids.length; i += 1) builder.get(ids[ranks.draw(draws)]!);
    for (let i = 0; i < ids.length; i += 1) builder.put(object());
  }
  return builder.build(`unread, ${bytesMax / KIB} KiB`);
}

/** @param events of each trace, about. */
export function workloads(events: number): (() => Trace)[] {
  return [
    () => zipf(0.7, events),
    () => zipf(0.9, events),
    () => zipf(1.1, events),
    () => shift(events),
    () => scans(events),
    () => loop(events),
    () => twice(events),
    () => replay(events),
    () => replay(events, 0.1),
    () => agents(events),
  ];
}

/** Those with puts, for a memory tier, which may or may not admit them. */
export function tierWorkloads(events: number): (() => Trace)[] {
  return [
    () => twice(events),
    () => replay(events),
    () => replay(events, 0.1),
    () => agents(events),
    () => results(events),
    () => replaced(events),
    () => unread(events, MIB),
    () => unread(events, 64 * KIB),
  ];
}
