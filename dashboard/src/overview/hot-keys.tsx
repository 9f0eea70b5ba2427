/**
 * The hottest keys and the largest sessions, as the server ranks them; renewed every few seconds.
 */
import { useEffect } from "preact/hooks";
import { getJson } from "../api/call.ts";
import { useLoad } from "../api/use-load.ts";
import { formatBytes, formatCount } from "../format/quantities.ts";
import { visible } from "../format/visible-text.ts";
import { Failure, Panel } from "../parts/panel.tsx";
import { addressOf } from "../router.ts";
import { readTop, type Top, type TopAnswer } from "./read-top.ts";

const RENEW_MS = 5_000;

export function HotKeys() {
  const { value, failure, reload } = useLoad(
    async (signal) => readTop(await getJson<TopAnswer>("/v1/admin/top", signal)),
    [],
  );
  useEffect(() => {
    if (failure !== undefined) return;
    const timer = setInterval(reload, RENEW_MS);
    return () => clearInterval(timer);
  }, [failure, reload]);
  if (failure !== undefined) return <Failure failure={failure} what="the ranking of keys" />;
  if (value === undefined) return null;
  return <Ranking top={value} />;
}

function Ranking({ top: { isCounted, keys, sessions } }: { top: Top }) {
  return (
    <div class="columns">
      <Panel title="Hottest keys">
        {keys.length === 0 && <p class="notice">No key has been read yet.</p>}
        <ol class="ranking">
          {keys.map(({ key, reads }) => (
            <li key={key}>
              <a href={addressOf("object", key)} title={visible(key)}>
                {visible(key)}
              </a>
              <span class="number">{formatCount(reads)} reads</span>
            </li>
          ))}
        </ol>
      </Panel>
      <Panel title="Largest sessions">
        {!isCounted && <p class="notice">This server counts no objects: others share them.</p>}
        {isCounted && sessions.length === 0 && <p class="notice">The cache holds no objects.</p>}
        <ol class="ranking">
          {sessions.map(({ name, objects, bytes }) => (
            <li key={name}>
              <a href={addressOf("objects", name)} title={visible(name)}>
                {visible(name)}
              </a>
              <span class="number">
                {formatCount(objects)} objects, {formatBytes(bytes)}
              </span>
            </li>
          ))}
        </ol>
      </Panel>
    </div>
  );
}
