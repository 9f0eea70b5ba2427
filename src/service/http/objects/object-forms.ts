/**
 * The forms in which an object can be got over HTTP, and the choice among them by `format` or
 * `Accept`. Pure.
 *
 *     stream   Arrow IPC stream; the default of tables
 *     file     Arrow IPC file
 *     value    the bytes of an opaque value; the default of opaque values
 *
 * A table has no JSON form: the server would have to decode its batches, on the thread that serves
 * all calls, and hostile batches must not be decoded there (ARCHITECTURE.md, "What is absent").
 */
import { CacheError } from "../../../errors.ts";
import type { ObjectKind } from "../../../object/object-metadata.ts";
import { ARROW_FILE, ARROW_STREAM, JSON_TYPE, OCTETS, type Preference, parseAccept } from "../media-types.ts";

export const OBJECT_FORMS = ["stream", "file", "value"] as const;

export type ObjectForm = (typeof OBJECT_FORMS)[number];

export interface FormChoice {
  readonly form: ObjectForm;
  /** For a value: how much the client wants a media type. */
  readonly preference: Preference;
}

export const DEFAULT_FORM: Readonly<Record<ObjectKind, ObjectForm>> = { table: "stream", opaque: "value" };

const MEDIA_TYPES: Readonly<Record<ObjectForm, readonly string[]>> = {
  stream: [ARROW_STREAM],
  file: [ARROW_FILE],
  value: [OCTETS, JSON_TYPE],
};

/** In the order of preference of the server. */
const FORMS: Readonly<Record<ObjectKind, readonly ObjectForm[]>> = {
  table: ["stream", "file"],
  opaque: ["value", "stream", "file"],
};

/** Chooses a form for the kind of the object, once it is known. */
export type ChooseForm = (kind: ObjectKind) => FormChoice | undefined;

/**
 * @param format of the query; it overrides the header.
 * @throws {CacheError} INVALID_REQUEST
 */
export function formChooser(format: string | null, accept: string | undefined): ChooseForm {
  if (format === null) return byAccept(parseAccept(accept));
  const form = OBJECT_FORMS.find((each) => each === format);
  if (form === undefined)
    throw new CacheError("INVALID_REQUEST", `format must be ${OBJECT_FORMS.join(", ")}`);
  return (kind) => (FORMS[kind].includes(form) ? { form, preference: () => 1 } : undefined);
}

function byAccept(preference: Preference): ChooseForm {
  return (kind) => {
    let chosen: ObjectForm | undefined;
    let best = 0;
    for (const form of FORMS[kind]) {
      const wanted = Math.max(...MEDIA_TYPES[form].map(preference));
      if (wanted <= best) continue;
      best = wanted;
      chosen = form;
    }
    return chosen && { form: chosen, preference };
  };
}

/** The error if no form is acceptable. */
export function notAcceptable(kind: ObjectKind): CacheError {
  const forms = FORMS[kind].flatMap((form) => MEDIA_TYPES[form]).join(", ");
  const reason =
    kind === "table"
      ? "the object is a table, which the server does not decode: read it with an Arrow library"
      : "the object is an opaque value";
  return new CacheError("NOT_ACCEPTABLE", `${reason}; its forms are ${forms}`);
}
