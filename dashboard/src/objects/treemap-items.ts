/**
 * What the treemap shows: the sessions of all applications, of one, or the objects of one session.
 * Pure.
 */
import type { Usage } from "../api/answers.ts";
import type { Placed, Rectangle } from "./squarify.ts";
import { squarify } from "./squarify.ts";
import type { LoadedSession } from "./tree-rows.ts";

export interface MapItem {
  /** `app`, `app/session` or a key; ends with `/…` for the sum of the rest. */
  readonly id: string;
  readonly name: string;
  readonly bytes: number;
  readonly objects: number;
  /** Number of the application or session, for its colour. */
  readonly group: number;
}

export interface MapGroup {
  readonly id: string;
  readonly name: string;
  readonly bytes: number;
  readonly items: readonly MapItem[];
}

/** Smaller objects are summed up: they would have no pixel. */
const ITEMS_MAX = 5_000;

/** @param zoom empty, `app` or `app/session` */
export function mapGroups(usage: Usage, zoom: string, loaded: LoadedSession | undefined): MapGroup[] {
  if (zoom.includes("/")) return loaded === undefined ? [] : [objectGroup(zoom, loaded)];
  return usage.applications.flatMap((application, group): MapGroup[] => {
    if (zoom !== "" && application.application !== zoom) return [];
    const items = application.sessions.map(
      ({ session, stored_bytes: bytes, objects }): MapItem => ({
        id: `${application.application}/${session}`,
        name: session,
        bytes,
        objects,
        group,
      }),
    );
    const { sessions, stored_bytes: bytes, objects } = application.other_sessions;
    if (sessions > 0) {
      items.push({ id: `${application.application}/…`, name: `${sessions} more`, bytes, objects, group });
    }
    items.sort((a, b) => b.bytes - a.bytes);
    return [
      { id: application.application, name: application.application, bytes: application.stored_bytes, items },
    ];
  });
}

function objectGroup(id: string, { objects }: LoadedSession): MapGroup {
  const sorted = objects.toSorted((a, b) => b.stored_bytes - a.stored_bytes);
  const items = sorted.slice(0, ITEMS_MAX).map(
    ({ key, stored_bytes: bytes }, index): MapItem => ({
      id: key,
      name: key.slice(id.length + 1),
      bytes,
      objects: 1,
      group: index % 2,
    }),
  );
  const rest = sorted.slice(ITEMS_MAX);
  if (rest.length > 0) {
    const bytes = rest.reduce((sum, object) => sum + object.stored_bytes, 0);
    items.push({ id: `${id}/…`, name: `${rest.length} smaller`, bytes, objects: rest.length, group: 0 });
    items.sort((a, b) => b.bytes - a.bytes);
  }
  const bytes = items.reduce((sum, item) => sum + item.bytes, 0);
  return { id, name: id, bytes, items };
}

export interface PlacedGroup extends Placed<MapGroup> {
  readonly cells: readonly Placed<MapItem>[];
}

const HEAD = 18;
const GAP = 2;

/** Groups with a heading each; one group alone has none. */
export function layoutMap(groups: readonly MapGroup[], area: Rectangle): PlacedGroup[] {
  const sorted = groups.toSorted((a, b) => b.bytes - a.bytes);
  return squarify(sorted, ({ bytes }) => bytes, area).map((placed) => {
    const head = groups.length > 1 && placed.height > 2 * HEAD && placed.width > 3 * HEAD ? HEAD : 0;
    const gap = groups.length > 1 ? GAP : 0;
    const inner = {
      x: placed.x + gap,
      y: placed.y + gap + head,
      width: Math.max(0, placed.width - 2 * gap),
      height: Math.max(0, placed.height - 2 * gap - head),
    };
    return { ...placed, cells: squarify(placed.item.items, ({ bytes }) => bytes, inner) };
  });
}

/** The item at a point; the group if the point is in its heading. */
export function itemAt(groups: readonly PlacedGroup[], x: number, y: number): MapItem | MapGroup | undefined {
  const group = groups.find((each) => isInside(each, x, y));
  return group && (group.cells.find((each) => isInside(each, x, y))?.item ?? group.item);
}

function isInside({ x, y, width, height }: Rectangle, atX: number, atY: number): boolean {
  return atX >= x && atX < x + width && atY >= y && atY < y + height;
}
