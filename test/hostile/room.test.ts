/**
 * What others reserve or hold of the capacity: attacks on room for objects.
 *
 * Part of `npm run test:slow`, which has the machine to itself.
 */
import { ATTACKS } from "./attacks/all-attacks.ts";
import { itStandsAgainst } from "./judged.ts";

itStandsAgainst(
  ATTACKS.filter(({ part }) => part === "room"),
  { scale: 1, judges: "bounds" },
);
