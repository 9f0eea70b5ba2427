/**
 * What others make a server hold: memory attacks against the built server, each with its peak.
 *
 * Part of `npm run test:slow`, which has the machine to itself.
 */
import { ATTACKS } from "./attacks/all-attacks.ts";
import { itStandsAgainst } from "./judged.ts";

itStandsAgainst(
  ATTACKS.filter(({ part }) => part === "memory"),
  { scale: 1, judges: "bounds" },
);
