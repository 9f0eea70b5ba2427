/**
 * The process of one attack: prepares it, waits for the word, attacks, and tells what there is to tell.
 *
 * Started with the attack's name, the seconds and the target as JSON. Its connections end with it.
 */
import { once } from "node:events";
import { setPriority } from "node:os";
import { type AttackMessage, AttackRun, type Target } from "./attack-run.ts";
import { attackNamed } from "./attacks/all-attacks.ts";

/** The server and the honest client go first, so that a slow machine is not taken for a slow server. */
const LOW_PRIORITY = 5;

const [name = "", seconds = "", target = ""] = process.argv.slice(2);
setPriority(LOW_PRIORITY);
process.on("disconnect", () => process.exit(0));

const tell = (message: AttackMessage): void => void process.send?.(message);
const attack = attackNamed(name);
const run = new AttackRun(JSON.parse(target) as Target, Number(seconds), tell);
await attack.prepare?.(run);
const word = once(process, "message");
tell({ kind: "prepared" });
await word;
run.begin();
await attack.attack(run);
tell({ kind: "over" });
