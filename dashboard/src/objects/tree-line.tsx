/**
 * One row of the tree, and the row of its headings.
 */
import type { UsageSums } from "../api/answers.ts";
import { formatBytes, formatCount, formatDuration, formatExact } from "../format/quantities.ts";
import { visible } from "../format/visible-text.ts";
import { Icon } from "../parts/icon.tsx";
import { levelOf, type TreeRow } from "./tree-rows.ts";
import { ROW_HEIGHT } from "./virtual-rows.ts";

export const HEAD_HEIGHT = 32;

export function TreeHead() {
  return (
    <div class="tree-head" role="rowgroup">
      <div class="tree-line" role="row" aria-rowindex={1}>
        <span role="columnheader">Name</span>
        <span role="columnheader" class="wide-cell">
          Kind
        </span>
        <span role="columnheader" class="number">
          Size
        </span>
        <span role="columnheader" class="number wide-cell">
          Rows
        </span>
        <span role="columnheader" class="number wide-cell">
          Version
        </span>
        <span role="columnheader" class="number wide-cell">
          Lives
        </span>
      </div>
    </div>
  );
}

export interface TreeLineProps {
  readonly row: TreeRow;
  readonly number: number;
  readonly isActive: boolean;
  readonly isOpen: boolean;
  readonly totalBytes: number;
  readonly nowMs: number;
  readonly onClick: () => void;
}

// The grid handles the keys of its rows.
export function TreeLine({ row, number, isActive, isOpen, totalBytes, nowMs, onClick }: TreeLineProps) {
  const level = levelOf(row);
  const isBranch = row.kind === "application" || row.kind === "session";
  return (
    <div
      id={`row-${number}`}
      role="row"
      class={`tree-line tree-${row.kind} level-${level} ${isActive ? "active" : ""}`}
      style={{ transform: `translateY(${number * ROW_HEIGHT}px)` }}
      aria-level={level}
      aria-rowindex={number + 2}
      aria-expanded={isBranch ? isOpen : undefined}
      aria-selected={isActive}
      onClick={onClick}
    >
      {row.kind === "object" && <ObjectCells row={row} nowMs={nowMs} />}
      {isBranch && <BranchCells row={row} isOpen={isOpen} totalBytes={totalBytes} />}
      {row.kind === "note" && (
        <span role="gridcell" class="note-cell">
          {visible(row.text)}
        </span>
      )}
    </div>
  );
}

type BranchRow = TreeRow & { readonly kind: "application" | "session" };

function BranchCells({ row, isOpen, totalBytes }: { row: BranchRow; isOpen: boolean; totalBytes: number }) {
  const { name, sums } = row;
  return (
    <>
      <span role="gridcell" class="name-cell" title={visible(name)}>
        <span class={isOpen ? "twist twist-open" : "twist"}>
          <Icon name="open" />
        </span>
        <span class="name">{visible(name)}</span>
        <span class="count">{formatCount(sums.objects)}</span>
      </span>
      <Share sums={sums} totalBytes={totalBytes} />
      <span role="gridcell" class="number" title={`${formatExact(sums.stored_bytes)} bytes`}>
        {formatBytes(sums.stored_bytes)}
      </span>
      <span role="gridcell" class="wide-cell" />
      <span role="gridcell" class="wide-cell" />
      <span role="gridcell" class="wide-cell" />
    </>
  );
}

function Share({ sums, totalBytes }: { sums: UsageSums; totalBytes: number }) {
  const share = totalBytes > 0 ? sums.stored_bytes / totalBytes : 0;
  return (
    <span role="gridcell" class="wide-cell">
      <span class="share" title={`${(share * 100).toFixed(1)} % of all bytes`}>
        <span style={{ width: `${(share * 100).toFixed(2)}%` }} />
      </span>
    </span>
  );
}

type ObjectRow = TreeRow & { readonly kind: "object" };

function ObjectCells({ row: { object }, nowMs }: { row: ObjectRow; nowMs: number }) {
  const name = object.key.slice(object.key.lastIndexOf("/") + 1);
  return (
    <>
      <span role="gridcell" class="name-cell" title={visible(name)}>
        <span class="name">{visible(name)}</span>
        {object.pinned && (
          <span class="pin-mark" role="img" aria-label="pinned" title="pinned">
            <Icon name="pin" />
          </span>
        )}
      </span>
      <span role="gridcell" class="wide-cell dim">
        {visible(object.kind)}
      </span>
      <span role="gridcell" class="number" title={`${formatExact(object.data_bytes)} bytes of data`}>
        {formatBytes(object.stored_bytes)}
      </span>
      <span role="gridcell" class="number wide-cell">
        {object.kind === "table" ? formatCount(object.rows) : ""}
      </span>
      <span role="gridcell" class="number wide-cell">
        {object.version}
        {object.patches > 0 && <span class="dim"> +{object.patches}</span>}
      </span>
      <span role="gridcell" class="number wide-cell">
        {lifeText(object.expires_at, nowMs)}
      </span>
    </>
  );
}

function lifeText(expiresAt: string | null, nowMs: number): string {
  if (expiresAt === null) return "∞";
  return formatDuration((Date.parse(expiresAt) - nowMs) / 1000);
}
