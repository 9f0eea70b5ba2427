/**
 * One object: its facts, a preview of its value, its history, and what can be done with it.
 */
import { useState } from "preact/hooks";
import type { ListedObject, WhyAnswer } from "../api/answers.ts";
import { getJson } from "../api/call.ts";
import { useLoad } from "../api/use-load.ts";
import { encodePath, splitKey } from "../format/object-path.ts";
import { visible } from "../format/visible-text.ts";
import { Icon } from "../parts/icon.tsx";
import { Failure, Panel, Waiting } from "../parts/panel.tsx";
import { addressOf } from "../router.ts";
import { EventList } from "../why/event-list.tsx";
import { Actions } from "./actions.tsx";
import { Facts } from "./facts.tsx";
import { loadFacts } from "./load-object.ts";
import { Preview } from "./preview.tsx";

export function ObjectView({ objectKey }: { objectKey: string }) {
  const facts = useLoad((signal) => loadFacts(objectKey, signal), [objectKey]);
  const why = useLoad<WhyAnswer>(
    (signal) => getJson(`/v1/why/${encodePath(objectKey)}`, signal),
    [objectKey],
  );
  const [isGone, setGone] = useState(false);
  const changed = (isDeleted: boolean) => {
    setGone(isDeleted);
    if (!isDeleted) facts.reload();
    why.reload();
  };
  const object = isGone ? undefined : facts.value;
  return (
    <>
      <div class="view-head">
        <Title objectKey={objectKey} />
        {object !== undefined && <Actions object={object} onChanged={changed} />}
      </div>
      {isGone && (
        <p class="notice" role="status">
          The object was deleted.
        </p>
      )}
      {!isGone && <Absent failure={facts.failure} />}
      {!isGone && facts.value === undefined && facts.failure === undefined && <Waiting />}
      <div class="object">
        <div class="object-side">
          {object !== undefined && (
            <Panel title="Facts">
              <Facts object={object} events={why.value?.events ?? []} />
            </Panel>
          )}
          <Panel title="History" aside={<a href={addressOf("why", objectKey)}>Why</a>}>
            <History why={why.value} failure={why.failure} />
          </Panel>
        </div>
        {object !== undefined && <Preview key={`${object.key} ${object.version}`} object={object} />}
      </div>
    </>
  );
}

function Absent({ failure }: { failure: ReturnType<typeof useLoad<ListedObject>>["failure"] }) {
  if (failure === undefined) return null;
  if (failure.status !== 404 || failure.isMissingRoute)
    return <Failure failure={failure} what="the object" />;
  return (
    <p class="notice" role="status">
      There is no object with this key. The history says what happened to it, if the journal knows.
    </p>
  );
}

function History({
  why,
  failure,
}: {
  why: WhyAnswer | undefined;
  failure: ReturnType<typeof useLoad>["failure"];
}) {
  if (failure !== undefined) return <Failure failure={failure} what="the history" />;
  if (why === undefined) return <Waiting />;
  return <EventList events={why.events} />;
}

function Title({ objectKey }: { objectKey: string }) {
  const parts = splitKey(objectKey);
  const [isCopied, setCopied] = useState(false);
  if (parts === undefined) return <h1>{visible(objectKey)}</h1>;
  const { application, session, object } = parts;
  const copy = () => navigator.clipboard?.writeText(objectKey).then(() => setCopied(true));
  return (
    <h1 class="key-title">
      <span class="key-path">
        <a href={addressOf("objects", application)}>{visible(application)}</a>
        <i aria-hidden="true">/</i>
        <a href={addressOf("objects", `${application}/${session}`)}>{visible(session)}</a>
        <i aria-hidden="true">/</i>
      </span>
      <span class="key-name">{visible(object)}</span>
      <button type="button" class="quiet" title="Copy the key" aria-label="Copy the key" onClick={copy}>
        <Icon name="copy" />
        <span role="status">{isCopied ? "copied" : ""}</span>
      </button>
    </h1>
  );
}
