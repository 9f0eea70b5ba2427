/**
 * The settings of the server, with the source of each value.
 */
import { useState } from "preact/hooks";
import type { ConfigAnswer } from "../api/answers.ts";
import { getJson } from "../api/call.ts";
import { useLoad } from "../api/use-load.ts";
import { visible } from "../format/visible-text.ts";
import { ColumnHeads } from "../parts/column-heads.tsx";
import { Failure, Panel, Waiting } from "../parts/panel.tsx";
import { SearchField } from "../parts/search-field.tsx";

export function ConfigView() {
  const { value, failure } = useLoad<ConfigAnswer>((signal) => getJson("/v1/admin/config", signal), []);
  const [filter, setFilter] = useState("");
  return (
    <>
      <div class="view-head">
        <h1>Configuration</h1>
        <p class="status">Flags override variables, variables the file, the file the defaults</p>
      </div>
      {failure !== undefined && <Failure failure={failure} what="the configuration" />}
      {value === undefined && failure === undefined && <Waiting />}
      {value !== undefined && (
        <Panel
          title="Settings"
          aside={<SearchField label="Filter settings" value={filter} onInput={setFilter} />}
        >
          <Settings settings={value.settings.filter(({ key }) => key.includes(filter.toLowerCase()))} />
        </Panel>
      )}
    </>
  );
}

function Settings({ settings }: { settings: ConfigAnswer["settings"] }) {
  return (
    <div class="scroll-x" tabIndex={0} role="region" aria-label="Settings">
      <table class="settings">
        <ColumnHeads texts={["Key", "Value", "Source"]} />
        <tbody>
          {settings.map(({ key, value, source }) => (
            <tr key={key}>
              <th scope="row">
                <code>{key}</code>
              </th>
              <td>
                {value === null ? <span class="null">not set</span> : <code>{visible(String(value))}</code>}
              </td>
              <td class={source === "default" || source === null ? "dim" : ""}>{visible(source ?? "")}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
