/**
 * Tables of the overview: methods with their latencies, the slowest calls, errors by code.
 */
import { formatCount, formatExact, formatLatency, formatTime } from "../format/quantities.ts";
import { visible } from "../format/visible-text.ts";
import { ColumnHeads } from "../parts/column-heads.tsx";
import type { MethodStats, SlowCall } from "./stats.ts";

const latency = (seconds: number | undefined) => (seconds === undefined ? "–" : formatLatency(seconds));

const SLOW_CALLS_MAX = 8;

export function MethodTable({ methods }: { methods: readonly MethodStats[] }) {
  if (methods.length === 0) return <p class="notice">No call has come yet.</p>;
  return (
    <div class="scroll-x" tabIndex={0} role="region" aria-label="Methods">
      <table>
        <ColumnHeads texts={["Method"]} numbers={["Calls", "Errors", "p50", "p99"]} />
        <tbody>
          {methods.map(({ name, calls, errors, p50, p99 }) => (
            <tr key={name}>
              <th scope="row">{visible(name)}</th>
              <td class="number" title={formatExact(calls)}>
                {formatCount(calls)}
              </td>
              <td class={errors > 0 ? "number bad" : "number"}>{formatCount(errors)}</td>
              <td class="number">{latency(p50)}</td>
              <td class="number">{latency(p99)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

export function SlowCalls({ calls }: { calls: readonly SlowCall[] }) {
  return (
    <table class="names">
      <ColumnHeads texts={["Method", "Ended with"]} numbers={["Took", "At"]} />
      <tbody>
        {calls.slice(0, SLOW_CALLS_MAX).map(({ method, code, seconds, at }) => (
          <tr key={method}>
            <th scope="row">{visible(method)}</th>
            <td class={code === "OK" ? "dim" : "bad"}>{visible(code)}</td>
            <td class="number">{formatLatency(seconds)}</td>
            <td class="number">{formatTime(at).slice(11)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

export function ErrorTable({ errors }: { errors: readonly (readonly [code: string, count: number])[] }) {
  return (
    <table class="names">
      <ColumnHeads texts={["Code"]} numbers={["Calls"]} />
      <tbody>
        {errors.map(([code, count]) => (
          <tr key={code}>
            <th scope="row">
              <code>{visible(code)}</code>
            </th>
            <td class="number">{formatExact(count)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
