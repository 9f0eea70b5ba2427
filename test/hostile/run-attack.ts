/**
 * Runs attacks by name and prints what they did to the server: `npx tsx test/hostile/run-attack.ts NAME...`.
 *
 *     NAME           an attack, a part (memory, processor, slots, room), or `all`; without one the names are listed
 *     --scale N      0 to 1: a share of its numbers
 *     --group        the server is in a cgroup of 384 MiB
 *     --same-peer    the honest client comes from the address that attacks of pyarrow come from
 *
 * Needs a build. Exit code 1 when the server did not stand.
 */
import { parseArgs } from "node:util";
import type { Attack } from "./attack-run.ts";
import { ATTACKS } from "./attacks/all-attacks.ts";
import { BOUNDS } from "./bounds.ts";
import { measureAttack } from "./measure-attack.ts";
import type { Measured, Skipped } from "./measured.ts";
import { faultsOf, verdictTable } from "./verdict.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    scale: { type: "string", default: "1" },
    group: { type: "boolean", default: false },
    "same-peer": { type: "boolean", default: false },
  },
});

function chosen(): Attack[] {
  const found = ATTACKS.filter(({ name, part }) =>
    positionals.some((each) => [name, part, "all"].includes(each)),
  );
  return values["same-peer"]
    ? found.map((attack) => ({ ...attack, honest: { ...attack.honest, address: "127.0.0.1" } }))
    : found;
}

const attacks = chosen();
if (attacks.length === 0) {
  for (const { name, part, what } of ATTACKS)
    process.stdout.write(`${part.padEnd(10)} ${name.padEnd(28)} ${what}\n`);
}
const all: (Measured | Skipped)[] = [];
for (const attack of attacks) {
  const group = values.group ? { groupBytes: BOUNDS.groupBytes } : {};
  try {
    const measured = await measureAttack(attack, { scale: Number(values.scale), ...group });
    process.stdout.write(verdictTable([measured], { judges: "everything" }));
    all.push(measured);
  } catch (error) {
    process.stdout.write(`${attack.name} could not be measured: ${(error as Error).stack}\n`);
    process.exitCode = 1;
  }
}
if (all.length > 1) process.stdout.write(`\n${verdictTable(all, { judges: "everything" })}`);
if (all.some((measured) => faultsOf(measured, { judges: "everything" }).length > 0)) process.exitCode = 1;
