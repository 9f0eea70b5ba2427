/**
 * All attacks again, with the server in a cgroup of 384 MiB: it survives all of them.
 *
 * Where no cgroup can be made the server is ended when more is resident than that, and the output says so. Nothing else is judged a
 * second time, and the attacks are shorter: what kills a server this way does so in its first seconds.
 */
import { ATTACKS } from "./attacks/all-attacks.ts";
import { BOUNDS } from "./bounds.ts";
import { itStandsAgainst } from "./judged.ts";

itStandsAgainst(ATTACKS, {
  scale: 1,
  judges: "survival",
  timeShare: 0.6,
  isBrief: true,
  groupBytes: BOUNDS.groupBytes,
});
