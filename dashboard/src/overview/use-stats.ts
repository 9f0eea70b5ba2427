/**
 * Follows the server's statistics as long as the overview is open.
 */
import { useEffect, useRef, useState } from "preact/hooks";
import type { ApiError } from "../api/call.ts";
import { session } from "../api/session.ts";
import { useStore } from "../api/store.ts";
import { watchEvents } from "../api/watch-events.ts";
import { History, type Series } from "./history.ts";
import { readStats, type StatsAnswer } from "./read-stats.ts";
import type { Stats } from "./stats.ts";

export interface LiveStats {
  readonly stats: Stats | undefined;
  readonly series: Series | undefined;
  readonly failure: ApiError | undefined;
}

export function useStats(): LiveStats {
  const { epoch } = useStore(session);
  const history = useRef(new History());
  const [state, setState] = useState<LiveStats>({
    stats: undefined,
    series: undefined,
    failure: undefined,
  });
  useEffect(() => {
    const ended = new AbortController();
    void watchEvents("/v1/admin/events", ended.signal, {
      onEvent: ({ name, data }) => {
        if (name !== "stats") return;
        const stats = readStats(JSON.parse(data) as StatsAnswer, Date.now());
        history.current.add(stats);
        setState({ stats, series: history.current.series(), failure: undefined });
      },
      onFailure: (failure) => setState((now) => ({ ...now, failure })),
    });
    return () => ended.abort();
  }, [epoch]);
  return state;
}
