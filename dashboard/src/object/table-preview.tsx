/**
 * The schema and the first rows of a table.
 */
import { useLoad } from "../api/use-load.ts";
import { formatExact } from "../format/quantities.ts";
import { cut, visible } from "../format/visible-text.ts";
import { Waiting } from "../parts/panel.tsx";
import { decodeTable } from "../preview/decode-table.ts";
import type { TablePreview as Preview } from "../preview/table-rows.ts";
import { PREVIEW_ROWS } from "./load-object.ts";

const NAME_LENGTH = 60;

export function TablePreview({ stream, rows }: { stream: Uint8Array; rows: number | undefined }) {
  const { value, failure } = useLoad(
    (signal) => decodeTable({ stream, rowsMax: PREVIEW_ROWS }, signal),
    [stream],
  );
  if (failure !== undefined) {
    return (
      <p class="notice notice-bad" role="alert">
        The table cannot be shown: {visible(cut(failure.message, 300))}.
      </p>
    );
  }
  if (value === undefined) return <Waiting />;
  const shown = value.rows.length;
  return (
    <>
      <p class="preview-kind">
        Table · {formatExact(value.fields.length)} columns ·{" "}
        {rows === undefined ? `first ${shown} rows` : `${formatExact(shown)} of ${formatExact(rows)} rows`}
        {value.hiddenColumns > 0 && ` · ${value.hiddenColumns} columns are not shown`}
      </p>
      <Rows table={value} />
    </>
  );
}

function Rows({ table: { fields, rows, hiddenColumns } }: { table: Preview }) {
  const columns = fields.slice(0, fields.length - hiddenColumns);
  return (
    <div class="scroll-x cells" tabIndex={0} role="region" aria-label="First rows of the table">
      <table>
        <thead>
          <tr>
            {columns.map(({ name, type, isNumeric, isNullable }, index) => (
              <th scope="col" key={index} class={isNumeric ? "number" : ""}>
                {visible(cut(name, NAME_LENGTH)) || "(no name)"}
                <small>
                  {cut(type, NAME_LENGTH)}
                  {isNullable ? "" : ", not null"}
                </small>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row, number) => (
            <tr key={number}>
              {row.map((text, index) => (
                <td
                  key={index}
                  class={columns[index]?.isNumeric === true ? "number" : ""}
                  title={text ?? "null"}
                >
                  {text ?? <span class="null">null</span>}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
