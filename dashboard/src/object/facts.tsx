/**
 * The facts of one object: what it is, how large, how old, and how long it lives.
 */
import type { ComponentChildren } from "preact";
import type { WhyEvent } from "../api/answers.ts";
import { formatBytes, formatExact, formatRelative, formatTime } from "../format/quantities.ts";
import { visible } from "../format/visible-text.ts";
import { useNow } from "../parts/use-now.ts";
import type { ObjectFacts } from "./load-object.ts";

export function Facts({ object, events }: { object: ObjectFacts; events: readonly WhyEvent[] }) {
  const nowMs = useNow(1_000);
  const put = events.find(
    ({ event, version }) => event === "put" && version === object.version - object.patches,
  );
  const { version, patches, expires_at: expiresAt } = object;
  return (
    <dl class="facts">
      <Fact name="Kind">{visible(object.kind)}</Fact>
      {object.kind === "table" && <Fact name="Rows">{formatExact(object.rows)}</Fact>}
      <Fact name="Data">
        {formatBytes(object.data_bytes)} <small>{formatExact(object.data_bytes)} bytes</small>
      </Fact>
      <Fact name="Stored">
        {formatBytes(object.stored_bytes)} <small>{formatExact(object.stored_bytes)} bytes</small>
      </Fact>
      <Fact name="Version">
        {version}
        {patches > 0 && (
          <small>
            {" "}
            with {patches} {patches === 1 ? "patch" : "patches"}
          </small>
        )}
      </Fact>
      {object.modifiedAt !== undefined && (put === undefined || patches > 0) && (
        <Fact name="Changed">
          <time dateTime={object.modifiedAt} title={formatTime(object.modifiedAt)}>
            {formatRelative(Date.parse(object.modifiedAt), nowMs)}
          </time>
        </Fact>
      )}
      {put !== undefined && put.at !== null && (
        <Fact name="Put">
          <time dateTime={put.at} title={formatTime(put.at)}>
            {formatRelative(Date.parse(put.at), nowMs)}
          </time>
          {put.by !== null && <small> by {visible(put.by)}</small>}
        </Fact>
      )}
      <Fact name="Expires">
        {expiresAt === null ? (
          "never"
        ) : (
          <time dateTime={expiresAt} title={formatTime(expiresAt)}>
            {formatRelative(Date.parse(expiresAt), nowMs)}
          </time>
        )}
      </Fact>
      <Fact name="Pinned">{object.pinned ? "yes: it is not evicted" : "no"}</Fact>
    </dl>
  );
}

function Fact({ name, children }: { name: string; children: ComponentChildren }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}
