/**
 * All attacks, in the order of the parts they belong to.
 *
 * A new one: an entry in a file of this folder, or a file and its line here.
 */
import type { Attack } from "../attack-run.ts";
import { FRAME_FLOODS } from "./frame-floods.ts";
import { HEADER_BLOCKS } from "./header-blocks.ts";
import { SILENT_CONNECTIONS } from "./silent-connections.ts";
import { UNREAD_GETS } from "./unread-gets.ts";

export const ATTACKS: readonly Attack[] = [
  ...UNREAD_GETS,
  ...HEADER_BLOCKS,
  ...FRAME_FLOODS,
  ...SILENT_CONNECTIONS,
];

/** @throws {Error} when there is none */
export function attackNamed(name: string): Attack {
  const attack = ATTACKS.find((each) => each.name === name);
  if (attack === undefined) throw new Error(`no attack is named ${name}`);
  return attack;
}
