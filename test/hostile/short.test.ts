/**
 * One of the attacks, with a part of their numbers: what `npm test` runs of this suite.
 *
 * Times are printed and not judged: other tests run beside it. About 7 seconds. The whole is `npm run test:slow`.
 */
import { attackNamed } from "./attacks/all-attacks.ts";
import { itStandsAgainst } from "./judged.ts";

const SHORT = ["one-byte-data"];

itStandsAgainst(SHORT.map(attackNamed), { scale: 0.25, timeShare: 0.4, judges: "bounds" });
