/**
 * The tail of the log, with its level and a filter. It follows the end unless the reader scrolls up.
 */
import { useEffect, useRef, useState } from "preact/hooks";
import type { LogLine } from "../api/answers.ts";
import type { ApiError } from "../api/call.ts";
import { session } from "../api/session.ts";
import { useStore } from "../api/store.ts";
import { watchEvents } from "../api/watch-events.ts";
import { Icon } from "../parts/icon.tsx";
import { Failure, Panel } from "../parts/panel.tsx";
import { SearchField } from "../parts/search-field.tsx";
import { keepLatest, matches, type ShownLine, showLine } from "./log-lines.ts";

const LEVELS = ["error", "warn", "info", "debug", "trace"] as const;
/** New lines are shown together: a busy log has thousands a second. */
const GATHER_MS = 200;
const NEAR_END = 40;

export function LogView() {
  const [level, setLevel] = useState<string>("info");
  const [filter, setFilter] = useState("");
  const [isPaused, setPaused] = useState(false);
  const { lines, failure } = useLog(level, isPaused);
  const shown = lines.filter((line) => matches(line, filter));
  return (
    <>
      <div class="view-head">
        <h1>Log</h1>
        <p class="status">Lines from now on, also below the level that the server writes</p>
      </div>
      {failure !== undefined && <Failure failure={failure} what="the log" />}
      <Panel
        title="Lines"
        class="log-panel"
        aside={
          <div class="tools">
            <SearchField label="Filter lines" value={filter} onInput={setFilter} />
            <label class="inline">
              <span class="wide-text">Level</span>
              <select
                aria-label="Level"
                value={level}
                onChange={(event) => setLevel(event.currentTarget.value)}
              >
                {LEVELS.map((each) => (
                  <option key={each}>{each}</option>
                ))}
              </select>
            </label>
            <button type="button" aria-pressed={isPaused} onClick={() => setPaused(!isPaused)}>
              <Icon name={isPaused ? "play" : "pause"} /> {isPaused ? "Go on" : "Pause"}
            </button>
          </div>
        }
      >
        <Lines lines={shown} />
      </Panel>
    </>
  );
}

interface LogState {
  readonly lines: readonly ShownLine[];
  readonly failure: ApiError | undefined;
}

const NO_LINES: LogState = { lines: [], failure: undefined };

function useLog(level: string, isPaused: boolean): LogState {
  const { epoch } = useStore(session);
  const [state, setState] = useState<LogState>(NO_LINES);
  const count = useRef(0);
  useEffect(() => {
    if (isPaused) return;
    const ended = new AbortController();
    let gathered: ShownLine[] = [];
    const timer = setInterval(() => {
      if (gathered.length === 0) return;
      const added = gathered;
      gathered = [];
      setState((now) => ({ ...now, lines: keepLatest(now.lines, added) }));
    }, GATHER_MS);
    void watchEvents(`/v1/admin/log?level=${level}`, ended.signal, {
      onEvent: ({ name, data }) => {
        if (name === "line")
          gathered = keepLatest(gathered, [showLine(JSON.parse(data) as LogLine, ++count.current)]);
      },
      onFailure: (failure) => setState((now) => ({ ...now, failure })),
    });
    return () => {
      ended.abort();
      clearInterval(timer);
    };
  }, [level, isPaused, epoch]);
  return state;
}

function Lines({ lines }: { lines: readonly ShownLine[] }) {
  const box = useRef<HTMLDivElement>(null);
  const isAtEnd = useRef(true);
  useEffect(() => {
    const target = box.current!;
    if (isAtEnd.current) target.scrollTop = target.scrollHeight;
  }, [lines]);
  return (
    <div
      ref={box}
      class="log"
      role="log"
      aria-label="Log lines"
      aria-live="off"
      tabIndex={0}
      onScroll={({ currentTarget: target }) => {
        isAtEnd.current = target.scrollHeight - target.scrollTop - target.clientHeight < NEAR_END;
      }}
    >
      {lines.length === 0 && <p class="notice">No line has come yet.</p>}
      {lines.map(({ number, time, level, target, text, fields }) => (
        <p key={number} class={`log-line log-${level}`}>
          <time>{time}</time> <span class="log-level">{level}</span> <span class="log-target">{target}</span>{" "}
          <span>{text}</span> <span class="log-fields">{fields}</span>
        </p>
      ))}
    </div>
  );
}
