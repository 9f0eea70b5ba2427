/**
 * The treemap of bytes: a canvas for the pointer, and the same items as a table.
 *
 * A click zooms into an application or a session, or shows an object. The table has the same items
 * as buttons, for keyboards and screen readers.
 */
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { useStore } from "../api/store.ts";
import { formatBytes, formatCount, formatPercent } from "../format/quantities.ts";
import { visible } from "../format/visible-text.ts";
import { ColumnHeads } from "../parts/column-heads.tsx";
import { isDark } from "../server/theme.ts";
import { drawTreemap, type MapLook } from "./draw-treemap.ts";
import { itemAt, layoutMap, type MapGroup, type MapItem } from "./treemap-items.ts";

export interface TreemapProps {
  readonly groups: readonly MapGroup[];
  onPick(id: string): void;
}

interface Hover {
  readonly item: MapItem | MapGroup;
  readonly x: number;
  readonly y: number;
}

export function Treemap({ groups, onPick }: TreemapProps) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const look = useStore(isDark);
  const size = useSize(canvas);
  const [hover, setHover] = useState<Hover>();
  const placed = useMemo(() => layoutMap(groups, { x: 0, y: 0, ...size }), [groups, size]);
  useEffect(() => {
    const target = canvas.current!;
    const scale = devicePixelRatio;
    target.width = size.width * scale;
    target.height = size.height * scale;
    const context = target.getContext("2d")!;
    context.scale(scale, scale);
    drawTreemap(context, {
      groups: placed,
      look: lookOf(target, look),
      hovered: hover?.item.id,
      sizeText: formatBytes,
    });
  }, [placed, hover?.item.id, look]);
  const find = (event: MouseEvent): Hover | undefined => {
    const { left, top } = canvas.current!.getBoundingClientRect();
    const [x, y] = [event.clientX - left, event.clientY - top];
    const item = itemAt(placed, x, y);
    return item && { item, x, y };
  };
  const isPickable = hover !== undefined && !hover.item.id.endsWith("/…");
  return (
    <div class="treemap">
      <canvas
        ref={canvas}
        role="img"
        aria-label={`Treemap of ${formatBytes(groups.reduce((sum, { bytes }) => sum + bytes, 0))}. The table has the same items.`}
        class={isPickable ? "pickable" : ""}
        onMouseMove={(event) => setHover(find(event))}
        onMouseLeave={() => setHover(undefined)}
        onClick={(event) => {
          const id = find(event)?.item.id;
          if (id !== undefined && !id.endsWith("/…")) onPick(id);
        }}
      />
      {hover !== undefined && <Tip hover={hover} width={size.width} />}
    </div>
  );
}

function Tip({ hover: { item, x, y }, width }: { hover: Hover; width: number }) {
  return (
    <div
      class="tip"
      aria-hidden="true"
      style={{ left: `${Math.min(x + 12, width - 230)}px`, top: `${y + 14}px` }}
    >
      <b>{visible(item.name)}</b>
      {formatBytes(item.bytes)}
      {"objects" in item && item.objects > 1 ? `, ${formatCount(item.objects)} objects` : ""}
    </div>
  );
}

const TABLE_ROWS = 200;

export function TreemapTable({ groups, onPick }: TreemapProps) {
  const items = groups.flatMap((group) =>
    group.items.map((item) => ({ ...item, in: groups.length > 1 ? group.name : "" })),
  );
  items.sort((a, b) => b.bytes - a.bytes);
  const total = items.reduce((sum, { bytes }) => sum + bytes, 0);
  return (
    <div class="treemap-table" tabIndex={0} role="region" aria-label="Items of the treemap">
      <table>
        <ColumnHeads texts={["Name"]} numbers={["Size", "Share", "Objects"]} />
        <tbody>
          {items.slice(0, TABLE_ROWS).map((item) => (
            <tr key={item.id}>
              <th scope="row">
                <button
                  type="button"
                  class="link"
                  disabled={item.id.endsWith("/…")}
                  onClick={() => onPick(item.id)}
                >
                  {visible(item.in === "" ? item.name : `${item.in}/${item.name}`)}
                </button>
              </th>
              <td class="number">{formatBytes(item.bytes)}</td>
              <td class="number">{formatPercent(total > 0 ? item.bytes / total : 0)}</td>
              <td class="number">{formatCount(item.objects)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {items.length > TABLE_ROWS && (
        <p class="notice">{items.length - TABLE_ROWS} smaller items are not shown.</p>
      )}
    </div>
  );
}

function useSize(canvas: { readonly current: HTMLCanvasElement | null }) {
  const [size, setSize] = useState({ width: 0, height: 0 });
  useEffect(() => {
    const box = canvas.current!.parentElement!;
    const resized = new ResizeObserver(() => setSize({ width: box.clientWidth, height: box.clientHeight }));
    resized.observe(box);
    return () => resized.disconnect();
  }, [canvas]);
  return size;
}

function lookOf(element: HTMLElement, dark: boolean): MapLook {
  const style = getComputedStyle(element);
  const colour = (name: string) => style.getPropertyValue(name).trim();
  return {
    isDark: dark,
    text: colour("--text"),
    muted: colour("--muted"),
    background: colour("--panel"),
    accent: colour("--accent"),
    fontFamily: style.fontFamily,
  };
}
