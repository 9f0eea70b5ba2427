/**
 * How much of a campaign runs: a slice in `npm test`, all of it in `npm run test:slow`.
 *
 * A campaign is a test whose length is a number or a list: seeds, rounds, places, sizes. What the slice leaves out is more
 * of the same. vitest.slow.config.ts sets TEST_CAMPAIGNS.
 */
const isWhole = process.env.TEST_CAMPAIGNS === "whole";

export function campaign<Part>({ slice, whole }: { readonly slice: Part; readonly whole: Part }): Part {
  return isWhole ? whole : slice;
}
