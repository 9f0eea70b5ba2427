/**
 * What others make a server do: attacks on the time of its event loop.
 *
 * Part of `npm run test:slow`, which has the machine to itself.
 */
import { ATTACKS } from "./attacks/all-attacks.ts";
import { itStandsAgainst } from "./judged.ts";

itStandsAgainst(
  ATTACKS.filter(({ part }) => part === "processor"),
  { scale: 1, judges: "bounds" },
);
