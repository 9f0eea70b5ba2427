/**
 * The tree of applications, sessions and objects: a treegrid that renders only the rows on the screen.
 *
 * The grid has the focus and names its active row, so that a row may leave the document when it is
 * scrolled away. Keys: arrows, Home, End, Page Up, Page Down; right and left open and close; Enter
 * opens a row or shows the object.
 */
import { useEffect, useRef, useState } from "preact/hooks";
import { useNow } from "../parts/use-now.ts";
import { goTo } from "../router.ts";
import { HEAD_HEIGHT, TreeHead, TreeLine } from "./tree-line.tsx";
import type { TreeRow, TreeRows } from "./tree-rows.ts";
import { ROW_HEIGHT, showRow, useVirtualRows } from "./virtual-rows.ts";

export interface TreeProps {
  readonly rows: TreeRows;
  readonly open: ReadonlySet<string>;
  /** Bytes of the whole cache, for the bars. */
  readonly totalBytes: number;
  onToggle(id: string, isOpen: boolean): void;
}

const PAGE_ROWS = 20;

export function Tree({ rows, open, totalBytes, onToggle }: TreeProps) {
  const box = useRef<HTMLDivElement>(null);
  const { first, end } = useVirtualRows(box, rows.length);
  const [active, setActive] = useState(0);
  const nowMs = useNow(10_000);
  const current = Math.min(active, Math.max(0, rows.length - 1));
  const move = (number: number) => {
    const next = Math.max(0, Math.min(rows.length - 1, number));
    setActive(next);
    showRow(box.current!, next, HEAD_HEIGHT);
  };
  const act = (row: TreeRow) => {
    if (row.kind === "object") goTo("object", row.id);
    else if (row.kind !== "note") onToggle(row.id, !open.has(row.id));
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const row = rows.at(current);
    const target = row && targetOf(event.key, { row, rows, current, open });
    if (row === undefined || target === undefined) return;
    event.preventDefault();
    if (target === "act") act(row);
    else if (target === "toggle") onToggle(row.id, !open.has(row.id));
    else move(target);
  };
  useEffect(() => {
    if (active > current) setActive(current);
  }, [active, current]);
  const lines = Array.from({ length: end - first }, (_, index) => first + index);
  return (
    <div
      class="tree"
      role="treegrid"
      aria-label="Applications, sessions and objects"
      aria-rowcount={rows.length + 1}
      aria-activedescendant={
        rows.length > 0 && current >= first && current < end ? `row-${current}` : undefined
      }
      tabIndex={0}
      ref={box}
      onKeyDown={onKeyDown}
    >
      <TreeHead />
      <div class="tree-rows" role="rowgroup" style={{ height: `${rows.length * ROW_HEIGHT}px` }}>
        {lines.map((number) => {
          const row = rows.at(number);
          return (
            row && (
              <TreeLine
                key={row.id}
                row={row}
                number={number}
                isActive={number === current}
                isOpen={open.has(row.id)}
                totalBytes={totalBytes}
                nowMs={nowMs}
                onClick={() => {
                  setActive(number);
                  act(row);
                }}
              />
            )
          );
        })}
      </div>
    </div>
  );
}

interface KeyPress {
  readonly row: TreeRow;
  readonly rows: TreeRows;
  readonly current: number;
  readonly open: ReadonlySet<string>;
}

/** The row to go to, or what to do with this one; undefined: the key means nothing here. */
function targetOf(
  key: string,
  { row, rows, current, open }: KeyPress,
): number | "act" | "toggle" | undefined {
  const isBranch = row.kind === "application" || row.kind === "session";
  switch (key) {
    case "ArrowDown":
      return current + 1;
    case "ArrowUp":
      return current - 1;
    case "PageDown":
      return current + PAGE_ROWS;
    case "PageUp":
      return current - PAGE_ROWS;
    case "Home":
      return 0;
    case "End":
      return rows.length - 1;
    case "ArrowRight":
      return isBranch && !open.has(row.id) ? "toggle" : current + 1;
    case "ArrowLeft":
      return isBranch && open.has(row.id) ? "toggle" : rows.parentOf(current);
    case "Enter":
    case " ":
      return "act";
    default:
      return undefined;
  }
}
