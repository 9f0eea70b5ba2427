/**
 * The routes of the object API. A row has the verbs that its calls need; the key decides.
 *
 * The same use cases as over Flight: docs/http-api.md.
 */
import type { HttpRoute } from "../http-call.ts";
import { deleteObject, deleteSession } from "./delete-objects.ts";
import { getObject } from "./get-object.ts";
import { listObjects } from "./list-objects.ts";
import { inTransfer, OBJECTS_PATH } from "./object-call.ts";
import { createObject, patchObject, putObject } from "./put-object.ts";

const OBJECT = `${OBJECTS_PATH}/:app/:session/:object`;
const SESSION = `${OBJECTS_PATH}/:app/:session`;

export const OBJECT_ROUTES: readonly HttpRoute[] = [
  { method: "GET", path: OBJECTS_PATH, access: ["list"], handle: inTransfer(listObjects) },
  { method: "GET", path: OBJECT, access: ["get"], handle: inTransfer(getObject) },
  { method: "PUT", path: OBJECT, access: ["put"], handle: inTransfer(putObject) },
  { method: "PATCH", path: OBJECT, access: ["patch"], handle: inTransfer(patchObject) },
  { method: "DELETE", path: OBJECT, access: ["delete"], handle: inTransfer(deleteObject) },
  { method: "PUT", path: SESSION, access: ["put"], handle: inTransfer(createObject) },
  { method: "POST", path: SESSION, access: ["put"], handle: inTransfer(createObject) },
  { method: "DELETE", path: SESSION, access: ["delete"], handle: inTransfer(deleteSession) },
];
