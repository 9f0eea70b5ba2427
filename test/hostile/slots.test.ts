/**
 * What others occupy: attacks on connections and calls that are to be shared.
 *
 * Part of `npm run test:slow`, which has the machine to itself.
 */
import { ATTACKS } from "./attacks/all-attacks.ts";
import { itStandsAgainst } from "./judged.ts";

itStandsAgainst(
  ATTACKS.filter(({ part }) => part === "slots"),
  { scale: 1, judges: "bounds" },
);
