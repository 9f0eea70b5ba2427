/**
 * All attacks, in the order of the parts they belong to.
 *
 * A new one: an entry in a file of this folder, or a file and its line here.
 */
import type { Attack } from "../attack-run.ts";
import { ALLOWED_FLOODS } from "./allowed-floods.ts";
import { BEGUN_REQUESTS } from "./begun-requests.ts";
import { COSTLY_OBJECTS } from "./costly-objects.ts";
import { COSTLY_REQUESTS } from "./costly-requests.ts";
import { DRIBBLES } from "./dribbles.ts";
import { FRAME_FLOODS } from "./frame-floods.ts";
import { HEADER_BLOCKS } from "./header-blocks.ts";
import { HONEST_RESETS } from "./honest-resets.ts";
import { HTTP_LISTENERS } from "./http-listeners.ts";
import { IDLE_PEERS } from "./idle-peers.ts";
import { SILENT_CONNECTIONS } from "./silent-connections.ts";
import { TAKEN_ROOM } from "./taken-room.ts";
import { UNREAD_GETS } from "./unread-gets.ts";
import { UNREAD_LISTS } from "./unread-lists.ts";

export const ATTACKS: readonly Attack[] = [
  ...UNREAD_GETS,
  ...UNREAD_LISTS,
  ...BEGUN_REQUESTS,
  ...HEADER_BLOCKS,
  ...IDLE_PEERS,
  ...COSTLY_REQUESTS,
  ...COSTLY_OBJECTS,
  ...FRAME_FLOODS,
  ...ALLOWED_FLOODS,
  ...SILENT_CONNECTIONS,
  ...DRIBBLES,
  ...HONEST_RESETS,
  ...TAKEN_ROOM,
  ...HTTP_LISTENERS,
];

/** @throws {Error} when there is none */
export function attackNamed(name: string): Attack {
  const attack = ATTACKS.find((each) => each.name === name);
  if (attack === undefined) throw new Error(`no attack is named ${name}`);
  return attack;
}
