/**
 * Lets `toEqual` compare bytes in one piece: vitest's own way looks at each byte as at a property, which takes seconds for a
 * megabyte.
 *
 * Loaded before each test file (vitest.config.ts). Two arrays of different classes are left to vitest.
 */
import { expect } from "vitest";

expect.addEqualityTesters([
  (a: unknown, b: unknown): boolean | undefined =>
    a instanceof Uint8Array && b instanceof Uint8Array && a.constructor === b.constructor
      ? Buffer.compare(a, b) === 0
      : undefined,
]);
