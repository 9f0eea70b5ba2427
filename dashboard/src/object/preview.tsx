/**
 * Shows the beginning of a value, decoded here and never on the server.
 *
 * The value is hostile: it becomes text nodes and pixels, nothing else. It is read up to a number of
 * bytes, and no address in it is followed.
 */
import { useMemo } from "preact/hooks";
import type { ListedObject } from "../api/answers.ts";
import { useLoad } from "../api/use-load.ts";
import { formatBytes } from "../format/quantities.ts";
import { cut } from "../format/visible-text.ts";
import { Failure, Panel, Waiting } from "../parts/panel.tsx";
import { hexLines } from "../preview/hex-dump.ts";
import { type Recognised, recognise } from "../preview/recognise.ts";
import { loadStart, PREVIEW_BYTES_MAX, type ValueStart } from "./load-object.ts";
import { TablePreview } from "./table-preview.tsx";
import { TensorPreview } from "./tensor-preview.tsx";

const HEX_BYTES = 4096;
const TEXT_CHARACTERS = 200_000;

export function Preview({ object }: { object: ListedObject }) {
  const { value, failure } = useLoad((signal) => loadStart(object, signal), []);
  return (
    <Panel
      title="Value"
      class="preview"
      aside={<span class="dim">first {formatBytes(PREVIEW_BYTES_MAX)} at most</span>}
    >
      {failure !== undefined && <Failure failure={failure} what="the value" />}
      {value === undefined && failure === undefined && <Waiting />}
      {value !== undefined && object.kind === "table" && (
        <TablePreview stream={value.bytes} rows={object.rows} />
      )}
      {value !== undefined && object.kind !== "table" && <OpaquePreview start={value} object={object} />}
    </Panel>
  );
}

function OpaquePreview({ start, object }: { start: ValueStart; object: ListedObject }) {
  const found = useMemo(() => recognise(start.bytes, start.isCut), [start]);
  switch (found.kind) {
    case "json":
    case "text":
      return <Text text={found.text} isJson={found.kind === "json"} isCut={start.isCut} />;
    case "tensor":
      return <TensorPreview tensor={found.tensor} />;
    case "stream":
      return <TablePreview stream={found.bytes} rows={undefined} />;
    case "pickle":
      return (
        <p class="notice">
          A pickled Python value of {formatBytes(object.data_bytes)}. It is not shown, because decoding it
          would run the code in it.
        </p>
      );
    case "binary":
      return <Hex bytes={found.bytes} isCut={start.isCut} />;
  }
}

function Text({ text, isJson, isCut }: { text: string; isJson: boolean; isCut: boolean }) {
  const shown = cut(text, TEXT_CHARACTERS);
  return (
    <>
      <p class="preview-kind">{isJson ? "JSON" : "Text"}</p>
      <pre class="code" tabIndex={0} role="region" aria-label={isJson ? "JSON value" : "Text value"}>
        {isJson ? <Json text={shown} /> : shown}
      </pre>
      {(isCut || shown.length < text.length) && (
        <p class="notice">The value goes on: download it to see all of it.</p>
      )}
    </>
  );
}

const JSON_TOKEN = /("(?:[^"\\]|\\.)*")(\s*:)?|\b(true|false|null)\b|-?\d[\d.eE+-]*/g;
const TOKENS_MAX = 8_000;

/** JSON in colours. A large one stays plain, because each token is an element. */
function Json({ text }: { text: string }) {
  const parts = [];
  let end = 0;
  for (const match of text.matchAll(JSON_TOKEN)) {
    if (parts.length > TOKENS_MAX) return <>{text}</>;
    const [token, string, colon, word] = match;
    const shown = string ?? token;
    parts.push(text.slice(end, match.index));
    end = match.index + shown.length;
    const kind =
      colon !== undefined ? "name" : string !== undefined ? "string" : word !== undefined ? "word" : "digits";
    parts.push(<span class={`json-${kind}`}>{shown}</span>);
  }
  parts.push(text.slice(end));
  return <>{parts}</>;
}

function Hex({ bytes, isCut }: Pick<Extract<Recognised, { kind: "binary" }>, "bytes"> & { isCut: boolean }) {
  const lines = useMemo(() => hexLines(bytes.subarray(0, HEX_BYTES)), [bytes]);
  return (
    <>
      <p class="preview-kind">Binary</p>
      <pre class="code hex" tabIndex={0} role="region" aria-label="Hex dump of the value">
        {lines.map(({ offset, pairs, text }) => (
          <span key={offset}>
            <i>{offset}</i> {pairs} <b>{text}</b>
            {"\n"}
          </span>
        ))}
      </pre>
      {(isCut || bytes.length > HEX_BYTES) && (
        <p class="notice">The value goes on: download it to see all of it.</p>
      )}
    </>
  );
}
