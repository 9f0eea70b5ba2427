/**
 * What can be done with an object: download it, pin it, delete it. Changes are confirmed first.
 */
import { useState } from "preact/hooks";
import type { ListedObject } from "../api/answers.ts";
import { asApiError } from "../api/use-load.ts";
import { fileNameOf } from "../format/object-path.ts";
import { formatBytes } from "../format/quantities.ts";
import { visible } from "../format/visible-text.ts";
import { Confirm } from "../parts/dialog.tsx";
import { Icon } from "../parts/icon.tsx";
import { deleteObject, download, setPinned } from "./load-object.ts";

type Action = "download" | "pin" | "delete";

export interface ActionsProps {
  readonly object: ListedObject;
  onChanged(isDeleted: boolean): void;
}

export function Actions({ object, onChanged }: ActionsProps) {
  const [asked, setAsked] = useState<Action>();
  const { pinned } = object;
  return (
    <div class="buttons">
      <button type="button" onClick={() => setAsked("download")}>
        <Icon name="down" /> Download
      </button>
      <button type="button" onClick={() => setAsked("pin")}>
        <Icon name="pin" /> {pinned ? "Unpin" : "Pin"}
      </button>
      <button type="button" class="danger" onClick={() => setAsked("delete")}>
        <Icon name="bin" /> Delete
      </button>
      {asked !== undefined && (
        <ActionDialog
          key={asked}
          action={asked}
          object={object}
          onClose={() => setAsked(undefined)}
          onDone={() => {
            setAsked(undefined);
            if (asked !== "download") onChanged(asked === "delete");
          }}
        />
      )}
    </div>
  );
}

interface ActionDialogProps {
  readonly action: Action;
  readonly object: ListedObject;
  onClose(): void;
  onDone(): void;
}

function ActionDialog({ action, object, onClose, onDone }: ActionDialogProps) {
  const [isBusy, setBusy] = useState(false);
  const [failure, setFailure] = useState<string>();
  const { title, verb, text, run } = describe(action, object);
  const confirm = async () => {
    setBusy(true);
    setFailure(undefined);
    try {
      await run();
      onDone();
    } catch (error) {
      setFailure(asApiError(error).message);
      setBusy(false);
    }
  };
  return (
    <Confirm
      title={title}
      action={verb}
      isDangerous={action === "delete"}
      isBusy={isBusy}
      failure={failure}
      onConfirm={confirm}
      onClose={onClose}
    >
      <p>
        <code class="key-text">{visible(object.key)}</code>
      </p>
      <p>{text}</p>
    </Confirm>
  );
}

function describe(action: Action, object: ListedObject) {
  const { key, kind, pinned, stored_bytes: storedBytes } = object;
  switch (action) {
    case "download":
      return {
        title: "Download this object?",
        verb: "Download",
        text: `It has ${formatBytes(storedBytes)}. ${kind === "table" ? "The file is an Arrow file." : "The file has the bytes of the value. Do not open values that you do not trust."}`,
        run: () => download(object, fileNameOf(key, kind === "table" ? ".arrow" : ".bin")),
      };
    case "pin":
      return pinned
        ? {
            title: "Unpin this object?",
            verb: "Unpin",
            text: "It may be evicted when the cache needs space. A pin of its session stays.",
            run: () => setPinned(key, false),
          }
        : {
            title: "Pin this object?",
            verb: "Pin",
            text: "It is not evicted until it is unpinned. It can still be deleted, and still expires.",
            run: () => setPinned(key, true),
          };
    case "delete":
      return {
        title: "Delete this object?",
        verb: "Delete",
        text: `All ${formatBytes(storedBytes)} and all patches are removed. This cannot be undone.`,
        run: () => deleteObject(key),
      };
  }
}
