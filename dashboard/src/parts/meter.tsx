/**
 * How much of a bound is used: a bar with its value in words for screen readers.
 */

export interface MeterProps {
  readonly label: string;
  readonly used: number;
  readonly bound: number;
  readonly text: string;
  /** True if a full bar is good. */
  readonly isGoal?: boolean;
}

const NEARLY_FULL = 0.9;

export function Meter({ label, used, bound, text, isGoal = false }: MeterProps) {
  const share = bound > 0 ? Math.min(1, used / bound) : 0;
  return (
    <div
      class={`meter ${!isGoal && share >= NEARLY_FULL ? "meter-full" : ""}`}
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
