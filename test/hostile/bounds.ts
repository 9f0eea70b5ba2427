/**
 * What an attacked server has to keep to: the bounds of the suite, each with its reason.
 *
 * The bounds on time are judged by `npx tsx test/hostile/run-attack.ts` and printed by `npm run test:slow`: they hold where the
 * suite has the machine to itself.
 */

const MIB = 2 ** 20;

export const BOUNDS = {
  /** What every attacked server may keep in memory, as its configuration says it. */
  maxMemory: "64M",
  /** docs/operations.md promises max_memory and 192 MiB. */
  peakRssBytes: 256 * MIB,
  /** What the tests hold every attack to, on a busy machine as well: before there were bounds it was gigabytes. */
  runawayRssBytes: 768 * MIB,
  /** The cgroup of the second run: a container that was given a little more than what is promised. */
  groupBytes: 384 * MIB,
  /** Others may make an honest call slower by this factor... */
  honestFactor: 3,
  /** ...but nobody notices a call that takes as long as a frame of a film, however fast it was before. */
  honestMs: 20,
  /** What one turn of the event loop may have of a processor: nobody waits longer for a stranger's call. */
  turnMs: 20,
  /** How soon after the attack memory and descriptors are as before. */
  recoveryMs: 10_000,
  /** What V8 and the pools of blocks may keep for what comes next: heap that grew is given back late, without need. */
  keptBytes: 64 * MIB,
  /** Descriptors that come and go by themselves: files of gets and puts of the honest client. */
  keptDescriptors: 32,
} as const;
