/**
 * What the cache holds: the tree of keys beside the treemap of bytes, and a search by prefix.
 */
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import type { ObjectPage, Usage } from "../api/answers.ts";
import { getJson } from "../api/call.ts";
import { useLoad } from "../api/use-load.ts";
import { formatBytes, formatExact } from "../format/quantities.ts";
import { visible } from "../format/visible-text.ts";
import { Failure, Panel, Waiting } from "../parts/panel.tsx";
import { SearchField } from "../parts/search-field.tsx";
import { goTo } from "../router.ts";
import { SessionLoader } from "./load-sessions.ts";
import { type Order, orderUsage } from "./order.ts";
import { Tree } from "./tree.tsx";
import { TreeRows } from "./tree-rows.ts";
import { Treemap, TreemapTable } from "./treemap.tsx";
import { mapGroups } from "./treemap-items.ts";

export function ObjectsView({ start }: { start: string }) {
  const {
    value: usage,
    failure,
    reload,
  } = useLoad<Usage>((signal) => getJson("/v1/admin/usage", signal), []);
  return (
    <>
      <div class="view-head">
        <h1>Objects</h1>
        {usage !== undefined && (
          <p class="status">
            {formatExact(usage.objects)} objects, {formatBytes(usage.stored_bytes)} in{" "}
            {usage.applications.length} applications
            <button type="button" class="link" onClick={reload}>
              Count again
            </button>
          </p>
        )}
      </div>
      {failure !== undefined && <Failure failure={failure} what="the list of applications" />}
      {usage === undefined && failure === undefined && <Waiting />}
      {usage !== undefined && <Browser key={start} usage={usage} start={start} />}
    </>
  );
}

const fetchPage = (path: string, signal: AbortSignal) => getJson<ObjectPage>(path, signal);

/** `app` and `app/session` of a prefix that names them completely. */
function namedBy(prefix: string): string[] {
  const [application = "", session, object] = prefix.split("/");
  if (session === undefined) return [];
  return object === undefined ? [application] : [application, `${application}/${session}`];
}

/** A tree of few sessions is open from the start. */
const SESSIONS_OPEN_MAX = 200;

function openAtFirst({ applications }: Usage, start: string): ReadonlySet<string> {
  const sessions = applications.reduce((sum, application) => sum + application.sessions.length, 0);
  const names = sessions <= SESSIONS_OPEN_MAX ? applications.map(({ application }) => application) : [];
  return new Set([...names, ...namedBy(`${start}/`)]);
}

function Browser({ usage, start }: { usage: Usage; start: string }) {
  const [prefix, setPrefix] = useState(start === "" ? "" : `${start}/`);
  const [order, setOrder] = useState<Order>("size");
  const [toggled, setToggled] = useState<ReadonlySet<string>>(() => openAtFirst(usage, start));
  const [zoom, setZoom] = useState(start);
  const [changes, setChanges] = useState(0);
  const loader = useRef<SessionLoader | undefined>(undefined);
  loader.current ??= new SessionLoader(fetchPage, order, () => setChanges((count) => count + 1));
  useEffect(() => () => loader.current?.close(), []);
  const ordered = useMemo(() => orderUsage(usage, order), [usage, order]);
  const open = useMemo(() => new Set([...toggled, ...namedBy(prefix)]), [toggled, prefix]);
  useEffect(() => {
    for (const id of [...open, zoom]) if (id.includes("/")) loader.current?.open(id);
  }, [open, zoom]);
  const { loaded } = loader.current;
  const rows = useMemo(
    () => new TreeRows({ usage: ordered, open, loaded, prefix }),
    [ordered, open, prefix, changes],
  );
  const groups = useMemo(() => mapGroups(usage, zoom, loaded.get(zoom)), [usage, zoom, changes]);
  const toggle = (id: string, isOpen: boolean) => {
    setToggled((now) => (isOpen ? new Set([...now, id]) : new Set([...now].filter((each) => each !== id))));
    if (isOpen) setZoom(id);
  };
  const pick = (id: string) => {
    if (id.split("/").length > 2) goTo("object", id);
    else {
      setZoom(id);
      setToggled((now) => new Set([...now, id, id.split("/")[0]!]));
    }
  };
  return (
    <div class="browser">
      <Panel
        title="Keys"
        class="tree-panel"
        aside={
          <TreeTools
            prefix={prefix}
            order={order}
            onPrefix={setPrefix}
            onOrder={(next) => {
              setOrder(next);
              loader.current?.sort(next);
            }}
          />
        }
      >
        {rows.length === 0 ? (
          <p class="notice">
            {usage.objects === 0 ? "The cache holds no objects." : "No key begins like this."}
          </p>
        ) : (
          <Tree rows={rows} open={open} totalBytes={usage.stored_bytes} onToggle={toggle} />
        )}
      </Panel>
      <MapPanel zoom={zoom} groups={groups} onPick={pick} onZoom={setZoom} />
    </div>
  );
}

interface TreeToolsProps {
  readonly prefix: string;
  readonly order: Order;
  onPrefix(prefix: string): void;
  onOrder(order: Order): void;
}

function TreeTools({ prefix, order, onPrefix, onOrder }: TreeToolsProps) {
  return (
    <div class="tools">
      <SearchField
        label="Search keys by their beginning"
        placeholder="app/session/object"
        value={prefix}
        onInput={onPrefix}
      />
      <label class="inline">
        <span class="wide-text">Order</span>
        <select
          aria-label="Order"
          value={order}
          onChange={(event) => onOrder(event.currentTarget.value === "name" ? "name" : "size")}
        >
          <option value="size">largest first</option>
          <option value="name">by name</option>
        </select>
      </label>
    </div>
  );
}

interface MapPanelProps {
  readonly zoom: string;
  readonly groups: ReturnType<typeof mapGroups>;
  onPick(id: string): void;
  onZoom(id: string): void;
}

function MapPanel({ zoom, groups, onPick, onZoom }: MapPanelProps) {
  const [isTable, setIsTable] = useState(false);
  const parts = zoom === "" ? [] : zoom.split("/");
  return (
    <Panel
      title="Bytes"
      class="map-panel"
      aside={
        <button type="button" aria-pressed={isTable} onClick={() => setIsTable(!isTable)}>
          As a table
        </button>
      }
    >
      <nav class="crumbs" aria-label="Part of the cache">
        <button type="button" class="link" disabled={zoom === ""} onClick={() => onZoom("")}>
          all
        </button>
        {parts.map((part, index) => (
          <button
            type="button"
            class="link"
            key={index}
            disabled={index === parts.length - 1}
            onClick={() => onZoom(parts.slice(0, index + 1).join("/"))}
          >
            {visible(part)}
          </button>
        ))}
      </nav>
      {isTable ? (
        <TreemapTable groups={groups} onPick={onPick} />
      ) : (
        <Treemap groups={groups} onPick={onPick} />
      )}
    </Panel>
  );
}
