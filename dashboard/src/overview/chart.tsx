/**
 * A small chart of the last five minutes: lines over time, drawn by uPlot.
 *
 * Colours come from the style sheet, so a change of the theme draws again. Screen readers get the
 * latest values as text; the picture is hidden from them.
 */
import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import { useStore } from "../api/store.ts";
import { isDark } from "../server/theme.ts";

export interface ChartLine {
  readonly name: string;
  readonly values: readonly (number | null)[];
  /** A custom property of the style sheet, such as `--accent`. */
  readonly colour: string;
  readonly isFilled?: boolean;
}

export interface ChartProps {
  readonly title: string;
  readonly times: readonly number[];
  readonly lines: readonly ChartLine[];
  format(value: number): string;
  /** The upper end of the axis if all values are smaller. */
  readonly least: number;
  readonly isBytes?: boolean;
}

const HEIGHT = 132;
const SECONDS_MIN = 60;

export function Chart({ title, times, lines, format, least, isBytes = false }: ChartProps) {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | undefined>(undefined);
  const look = useStore(isDark);
  useEffect(() => {
    const target = box.current!;
    plot.current = new uPlot(
      optionsOf(lines, { format, least, isBytes, target }),
      dataOf(times, lines),
      target,
    );
    const resized = new ResizeObserver(() =>
      plot.current?.setSize({ width: target.clientWidth, height: HEIGHT }),
    );
    resized.observe(target);
    return () => {
      resized.disconnect();
      plot.current?.destroy();
      plot.current = undefined;
    };
  }, [look, lines.length]);
  useEffect(() => plot.current?.setData(dataOf(times, lines)), [times]);
  return (
    <figure class="chart" aria-label={title}>
      <figcaption>
        <span class="chart-title">{title}</span>
        {lines.map(({ name, values, colour }) => (
          <span class="chart-value" key={name}>
            <i style={{ background: `var(${colour})` }} />
            {name} <b>{latestText(values, format)}</b>
          </span>
        ))}
      </figcaption>
      <div ref={box} class="chart-box" aria-hidden="true" />
    </figure>
  );
}

function latestText(values: readonly (number | null)[], format: (value: number) => string): string {
  const latest = values.at(-1);
  return typeof latest === "number" ? format(latest) : "–";
}

function dataOf(times: readonly number[], lines: readonly ChartLine[]): uPlot.AlignedData {
  return [[...times], ...lines.map(({ values }) => [...values])];
}

interface Drawing {
  format(value: number): string;
  readonly least: number;
  readonly isBytes: boolean;
  readonly target: HTMLElement;
}

function optionsOf(lines: readonly ChartLine[], { format, least, isBytes, target }: Drawing): uPlot.Options {
  const style = getComputedStyle(target);
  const colour = (name: string) => style.getPropertyValue(name).trim();
  const font = `11px ${style.fontFamily}`;
  const axis = { stroke: colour("--muted"), font, ticks: { show: false } };
  const grid = { stroke: colour("--line"), width: 1 };
  return {
    width: target.clientWidth,
    height: HEIGHT,
    padding: [8, 4, 0, 0],
    legend: { show: false },
    cursor: { y: false, points: { size: 6 }, drag: { x: false, y: false } },
    scales: {
      x: { time: true, range: (_, min, max) => lastMinutes(min, max) },
      y: { range: (_, __, max) => [0, Math.max(least, (max ?? 0) * 1.15)] },
    },
    axes: [
      { ...axis, grid: { show: false }, size: 24, space: 90, values: (_, ticks) => ticks.map(clockText) },
      {
        ...axis,
        grid,
        size: 62,
        space: 30,
        incrs: steps(isBytes),
        values: (_, ticks) => ticks.map((tick) => (tick === 0 ? "0" : format(tick))),
      },
    ],
    series: [
      {},
      ...lines.map((line) => ({
        stroke: colour(line.colour),
        width: 1.5,
        points: { show: false },
        ...(line.isFilled === true && { fill: `${colour(line.colour)}22` }),
      })),
    ],
  };
}

/** At least a minute, so that a line grows from the right. */
function lastMinutes(min: number | null, max: number | null): [number, number] {
  const end = max ?? Date.now() / 1000;
  return [Math.min(min ?? end, end - SECONDS_MIN), end];
}

/** Distances between the lines of an axis. Bytes have round numbers in powers of two. */
function steps(isBytes: boolean): number[] {
  if (isBytes) return Array.from({ length: 50 }, (_, power) => 2 ** power);
  return Array.from({ length: 48 }, (_, index) => [1, 2, 5][index % 3]! * 10 ** (Math.floor(index / 3) - 6));
}

function clockText(seconds: number): string {
  const time = new Date(seconds * 1000);
  return [time.getHours(), time.getMinutes(), time.getSeconds()]
    .map((part) => String(part).padStart(2, "0"))
    .join(":");
}
