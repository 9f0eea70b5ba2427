/**
 * Why an object is there, or why it is gone: the answer of the journal for any key.
 */
import { useState } from "preact/hooks";
import type { WhyAnswer } from "../api/answers.ts";
import { getJson } from "../api/call.ts";
import { useLoad } from "../api/use-load.ts";
import { encodePath, splitKey } from "../format/object-path.ts";
import { visible } from "../format/visible-text.ts";
import { Icon } from "../parts/icon.tsx";
import { Failure, Panel, Waiting } from "../parts/panel.tsx";
import { addressOf, goTo } from "../router.ts";
import { EventList } from "./event-list.tsx";

export function WhyView({ objectKey }: { objectKey: string }) {
  return (
    <>
      <div class="view-head">
        <h1>Why</h1>
        <p class="status">Why an object is in the cache, or why it is gone</p>
      </div>
      <KeyForm objectKey={objectKey} />
      {splitKey(objectKey) !== undefined && <Answer objectKey={objectKey} />}
    </>
  );
}

function KeyForm({ objectKey }: { objectKey: string }) {
  const [text, setText] = useState(objectKey);
  const [isWrong, setWrong] = useState(false);
  const submit = (event: Event) => {
    event.preventDefault();
    const key = text.trim();
    setWrong(splitKey(key) === undefined);
    if (splitKey(key) !== undefined) goTo("why", key);
  };
  return (
    <form class="key-form" onSubmit={submit}>
      <label class="search">
        <Icon name="search" />
        <input
          type="search"
          value={text}
          placeholder="app/session/object"
          aria-label="Key of an object"
          aria-invalid={isWrong}
          aria-describedby="key-rule"
          spellcheck={false}
          autocapitalize="off"
          onInput={(event) => setText(event.currentTarget.value)}
        />
      </label>
      <button type="submit" class="primary">
        Explain
      </button>
      <p id="key-rule" class={isWrong ? "notice notice-bad" : "sr-only"}>
        A key has three parts: app/session/object.
      </p>
    </form>
  );
}

function Answer({ objectKey }: { objectKey: string }) {
  const { value, failure } = useLoad<WhyAnswer>(
    (signal) => getJson(`/v1/why/${encodePath(objectKey)}`, signal),
    [objectKey],
  );
  if (failure !== undefined) return <Failure failure={failure} what="the journal" />;
  if (value === undefined) return <Waiting />;
  return (
    <>
      <section
        class={value.present ? "answer answer-present" : "answer answer-gone"}
        aria-label="Answer"
        role="status"
      >
        <p class="answer-key">
          <span class="badge">{value.present ? "in the cache" : "not in the cache"}</span>
          <code>{visible(value.key)}</code>
        </p>
        <p class="answer-text">{visible(value.answer)}</p>
        {value.present && <a href={addressOf("object", value.key)}>Show the object</a>}
      </section>
      <Panel title="Events">
        <EventList events={value.events} />
      </Panel>
    </>
  );
}
