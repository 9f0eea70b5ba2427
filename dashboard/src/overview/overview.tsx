/**
 * The overview: what the cache holds against its bounds, and what it does this second.
 */

import {
  formatBytes,
  formatDuration,
  formatLatency,
  formatPercent,
  formatRate,
} from "../format/quantities.ts";
import { Failure, Panel, Waiting } from "../parts/panel.tsx";
import { Chart } from "./chart.tsx";
import type { Series } from "./history.ts";
import { HotKeys } from "./hot-keys.tsx";
import { ErrorTable, MethodTable, SlowCalls } from "./method-table.tsx";
import type { Stats } from "./stats.ts";
import { Tiles } from "./tiles.tsx";
import { useStats } from "./use-stats.ts";

export function Overview() {
  const { stats, series, failure } = useStats();
  const isLive = stats !== undefined && failure === undefined;
  return (
    <>
      <div class="view-head">
        <h1>Overview</h1>
        <Status stats={stats} isLive={isLive} />
      </div>
      {failure !== undefined && <Failure failure={failure} what="live statistics" />}
      {stats === undefined && failure === undefined && <Waiting />}
      {stats !== undefined && <Tiles stats={stats} latest={series} />}
      {series !== undefined && <Charts series={series} />}
      {stats !== undefined && <Tables stats={stats} />}
      <HotKeys />
    </>
  );
}

function Status({ stats, isLive }: { stats: Stats | undefined; isLive: boolean }) {
  const { uptimeSeconds, connections, residentBytes, loopDelaySeconds } = stats ?? {};
  return (
    <p class="status">
      <span class={isLive ? "dot dot-live" : "dot"} />
      <span>{isLive ? "live" : "not connected"}</span>
      {uptimeSeconds !== undefined && <span>up {formatDuration(uptimeSeconds)}</span>}
      {connections !== undefined && <span>{connections} connections</span>}
      {residentBytes !== undefined && <span>{formatBytes(residentBytes)} resident</span>}
      {loopDelaySeconds !== undefined && <span>event loop p99 {formatLatency(loopDelaySeconds)}</span>}
    </p>
  );
}

function Charts({ series }: { series: Series }) {
  const { times } = series;
  return (
    <div class="charts">
      <Chart
        title="Calls"
        times={times}
        least={1}
        format={formatRate}
        lines={[
          { name: "calls", values: series.calls, colour: "--accent", isFilled: true },
          { name: "errors", values: series.errors, colour: "--bad" },
        ]}
      />
      <Chart
        title="Latency"
        times={times}
        least={0.001}
        format={formatLatency}
        lines={[
          { name: "p50", values: series.p50, colour: "--accent" },
          { name: "p99", values: series.p99, colour: "--second" },
        ]}
      />
      <Chart
        title="Bytes"
        times={times}
        least={1024}
        isBytes
        format={(value) => `${formatBytes(value)}/s`}
        lines={[
          { name: "in", values: series.bytesIn, colour: "--accent" },
          { name: "out", values: series.bytesOut, colour: "--second" },
        ]}
      />
      <Chart
        title="Hit ratio"
        times={times}
        least={1}
        format={formatPercent}
        lines={[{ name: "hits", values: series.hitRatio, colour: "--accent", isFilled: true }]}
      />
    </div>
  );
}

function Tables({ stats }: { stats: Stats }) {
  return (
    <div class="columns">
      <Panel title="Methods" class="wide">
        <MethodTable methods={stats.methods} />
      </Panel>
      {stats.slowest.length > 0 && (
        <Panel title="Slowest calls of the last ten minutes">
          <SlowCalls calls={stats.slowest} />
        </Panel>
      )}
      {stats.errorsByCode.length > 0 && (
        <Panel title="Errors by code">
          <ErrorTable errors={stats.errorsByCode} />
        </Panel>
      )}
    </div>
  );
}
