/**
 * What others occupy: attacks on connections and calls that are to be shared.
 *
 * Part of `npm run test:slow`, which has the machine to itself: these tests assert times (bounds.ts says why).
 */
import { ATTACKS } from "./attacks/all-attacks.ts";
import { itStandsAgainst } from "./judged.ts";

itStandsAgainst(
  ATTACKS.filter(({ part }) => part === "slots"),
  { scale: 1, judges: "everything" },
);
