/**
 * The figures at the top of the overview: what is held against its bound, and the hit ratio.
 */
import { formatBytes, formatCount, formatExact, formatPercent, formatRate } from "../format/quantities.ts";
import { Meter } from "../parts/meter.tsx";
import type { Series } from "./history.ts";
import type { Bounded, Stats } from "./stats.ts";

export function Tiles({ stats, latest }: { stats: Stats; latest: Series | undefined }) {
  const { objects, stored, memory, disk } = stats;
  return (
    <div class="tiles">
      {objects && <Tile label="Objects" value={objects} format={formatCount} exact={formatExact} />}
      {!objects && <Uncounted label="Objects" />}
      {stored && <Tile label="Stored" value={stored} format={formatBytes} exact={exactBytes} />}
      {memory && <Tile label="Memory" value={memory} format={formatBytes} exact={exactBytes} />}
      {disk && <Tile label="Disk" value={disk} format={formatBytes} exact={exactBytes} warns />}
      <HitTile stats={stats} />
      <EvictionTile stats={stats} latest={latest} />
    </div>
  );
}

const exactBytes = (bytes: number) => `${formatExact(bytes)} bytes`;

interface TileProps {
  readonly label: string;
  readonly value: Bounded;
  format(value: number): string;
  exact(value: number): string;
  readonly warns?: boolean;
}

function Tile({ label, value: { used, bound }, format, exact, warns = false }: TileProps) {
  const text = bound === undefined ? exact(used) : `${exact(used)} of ${exact(bound)}`;
  return (
    <div class="tile">
      <span class="tile-label">{label}</span>
      <span class="tile-value" title={exact(used)}>
        {format(used)}
      </span>
      {bound === undefined ? (
        <span class="tile-note">no bound</span>
      ) : (
        <>
          <Meter label={`${label} used`} used={used} bound={bound} text={text} warns={warns} />
          <span class="tile-note">
            {formatPercent(bound > 0 ? used / bound : 0)} of {format(bound)}
          </span>
        </>
      )}
    </div>
  );
}

/** Over a bucket: no server counts what all of them put. */
function Uncounted({ label }: { label: string }) {
  return (
    <div class="tile">
      <span class="tile-label">{label}</span>
      <span class="tile-value">–</span>
      <span class="tile-note">not counted</span>
    </div>
  );
}

function HitTile({ stats: { hits, misses } }: { stats: Stats }) {
  const reads = hits + misses;
  return (
    <div class="tile">
      <span class="tile-label">Hit ratio</span>
      <span class="tile-value">{reads > 0 ? formatPercent(hits / reads) : "–"}</span>
      <Meter
        label="Hit ratio"
        used={hits}
        bound={Math.max(1, reads)}
        text={`${formatExact(hits)} of ${formatExact(reads)} reads`}
      />
      <span class="tile-note">{formatCount(reads)} reads so far</span>
    </div>
  );
}

function EvictionTile({ stats, latest }: { stats: Stats; latest: Series | undefined }) {
  const rate = latest?.evictions.at(-1);
  return (
    <div class="tile">
      <span class="tile-label">Evictions</span>
      <span class="tile-value" title={formatExact(stats.evictions)}>
        {formatCount(stats.evictions)}
      </span>
      <span class="tile-note">
        {typeof rate === "number" ? `${formatRate(rate)} now` : "since the start"}
      </span>
    </div>
  );
}
