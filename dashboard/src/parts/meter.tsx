/**
 * How much of a bound is used: a bar with its value in words for screen readers.
 */

export interface MeterProps {
  readonly label: string;
  readonly used: number;
  readonly bound: number;
  readonly text: string;
  /** True if it should not become full. A cache is full most of the time. */
  readonly warns?: boolean;
}

const NEARLY_FULL = 0.9;

export function Meter({ label, used, bound, text, warns = false }: MeterProps) {
  const share = bound > 0 ? Math.min(1, used / bound) : 0;
  return (
    <div
      class={`meter ${warns && share >= NEARLY_FULL ? "meter-full" : ""}`}
      role="meter"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={Math.round(share * 100)}
      aria-valuetext={text}
    >
      <span style={{ width: `${(share * 100).toFixed(2)}%` }} />
    </div>
  );
}
