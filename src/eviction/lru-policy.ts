/**
 * Least recently used: who was neither put nor read for the longest time leaves first.
 *
 * Source: P. Denning, "The working set model for program behavior", CACM 1968, and folklore. Weakness: one scan over many objects
 * pushes out everything that is used often. Cost: two operations of a Set per put or read.
 */
import type { EvictionPolicy } from "./eviction-policy.ts";

export class LruPolicy implements EvictionPolicy {
  /** Oldest first: a Set keeps the order in which its members were added. */
  readonly #names = new Set<string>();

  admitted(name: string): void {
    this.#names.delete(name);
    this.#names.add(name);
  }

  touched(name: string): void {
    if (this.#names.delete(name)) this.#names.add(name);
  }

  removed(name: string): void {
    this.#names.delete(name);
  }

  victims(): Iterable<string> {
    return this.#names;
  }
}
