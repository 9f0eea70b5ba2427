/**
 * All attacks again, with the server in a cgroup of 384 MiB: it survives all of them.
 *
 * Where no cgroup can be made the server is ended when more is resident than that, and the output says so. Times are not judged a
 * second time: a group at its bound also drops page cache.
 */
import { ATTACKS } from "./attacks/all-attacks.ts";
import { BOUNDS } from "./bounds.ts";
import { itStandsAgainst } from "./judged.ts";

itStandsAgainst(ATTACKS, { scale: 1, judgesTime: false, isBrief: true, groupBytes: BOUNDS.groupBytes });
