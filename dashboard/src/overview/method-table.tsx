/**
 * Tables of the overview: methods with their latencies, errors by code.
 */
import { formatCount, formatExact, formatLatency } from "../format/quantities.ts";
import { visible } from "../format/visible-text.ts";
import type { MethodStats } from "./stats.ts";

const latency = (seconds: number | undefined) => (seconds === undefined ? "–" : formatLatency(seconds));

export function MethodTable({ methods }: { methods: readonly MethodStats[] }) {
  if (methods.length === 0) return <p class="notice">No call has come yet.</p>;
  return (
    <div class="scroll-x" tabIndex={0} role="region" aria-label="Methods">
      <table>
        <thead>
          <tr>
            <th scope="col">Method</th>
            <th scope="col" class="number">
              Calls
            </th>
            <th scope="col" class="number">
              Errors
            </th>
            <th scope="col" class="number">
              p50
            </th>
            <th scope="col" class="number">
              p99
            </th>
          </tr>
        </thead>
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

export function ErrorTable({ errors }: { errors: readonly (readonly [code: string, count: number])[] }) {
  return (
    <table>
      <thead>
        <tr>
          <th scope="col">Code</th>
          <th scope="col" class="number">
            Calls
          </th>
        </tr>
      </thead>
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
