/**
 * Who may do what: identities with their rules, and the answers that they get, written out.
 *
 * test/e2e/access.test.ts makes each call of the table over each transport. Nothing here is computed from the rules.
 */
import { createHash } from "node:crypto";

/** Objects that exist when the calls are made. */
export const KEYS = [
  "app/s/x",
  "app/tmp/x",
  "app/secret/x",
  "app/run-1/model",
  "app/run-2/model",
  "worker-7/s/x",
  "public/s/x",
] as const;

export const OBJECT_VERBS = ["get", "put", "patch", "delete", "list"] as const;

export type ObjectVerb = (typeof OBJECT_VERBS)[number];
export type TableKey = (typeof KEYS)[number];

/** The callers of the table; `anonymous` has no credentials. */
export const CALLERS = [
  "admin",
  "reader",
  "worker-7",
  "builder",
  "trainer",
  "nobody",
  "denied",
  "anonymous",
] as const;

export type Caller = (typeof CALLERS)[number];

export const tokenOf = (caller: string): string => `token-of-${caller}`;

const sha256Of = (caller: string): string => createHash("sha256").update(tokenOf(caller)).digest("hex");

const tokens = (caller: Caller): string => `tokens: [{id: t-${caller}, sha256: "${sha256Of(caller)}"}]`;

export const ACCESS_FILE = `
identities:
  - name: admin
    ${tokens("admin")}
    rules:
      - {allow: [get, put, patch, delete, list, admin], on: ["*"]}
  - name: reader
    ${tokens("reader")}
    rules:
      - {allow: [get, list], on: ["*"]}
      - {deny: [get, list], on: ["*/secret/*"]}
  - name: worker-7
    ${tokens("worker-7")}
    rules:
      - {allow: [get, put, patch, delete, list], on: ["\${identity}/*"]}
      - {allow: [get], on: ["public/*", "app/run-*/*"]}
  - name: builder
    ${tokens("builder")}
    rules:
      - {allow: [get, list, put, patch], on: ["app/*"]}
      - {allow: [delete], on: ["app/tmp/*"]}
      - {deny: [put, patch], on: ["app/secret/*", "app/run-1/model"]}
  - name: trainer
    ${tokens("trainer")}
    rules:
      - {allow: [put, patch], on: ["app/run-*/model"]}
      - {allow: [list], on: ["app/run-2/*"]}
  - name: nobody
    ${tokens("nobody")}
    rules: []
  - name: denied
    ${tokens("denied")}
    rules:
      - {allow: [get, put, patch, delete, list], on: ["*"]}
      - {deny: [get, put, patch, delete, list], on: ["*"]}
anonymous:
  rules:
    - {allow: [get, list], on: ["public/*"]}
`;

/** The verbs that each caller may use on each object. All others are denied. */
export const MAY: Readonly<Record<Caller, Readonly<Record<TableKey, string>>>> = {
  admin: {
    "app/s/x": "get put patch delete list",
    "app/tmp/x": "get put patch delete list",
    "app/secret/x": "get put patch delete list",
    "app/run-1/model": "get put patch delete list",
    "app/run-2/model": "get put patch delete list",
    "worker-7/s/x": "get put patch delete list",
    "public/s/x": "get put patch delete list",
  },
  reader: {
    "app/s/x": "get list",
    "app/tmp/x": "get list",
    "app/secret/x": "",
    "app/run-1/model": "get list",
    "app/run-2/model": "get list",
    "worker-7/s/x": "get list",
    "public/s/x": "get list",
  },
  "worker-7": {
    "app/s/x": "",
    "app/tmp/x": "",
    "app/secret/x": "",
    "app/run-1/model": "get",
    "app/run-2/model": "get",
    "worker-7/s/x": "get put patch delete list",
    "public/s/x": "get",
  },
  builder: {
    "app/s/x": "get put patch list",
    "app/tmp/x": "get put patch delete list",
    "app/secret/x": "get list",
    "app/run-1/model": "get list",
    "app/run-2/model": "get put patch list",
    "worker-7/s/x": "",
    "public/s/x": "",
  },
  trainer: {
    "app/s/x": "",
    "app/tmp/x": "",
    "app/secret/x": "",
    "app/run-1/model": "put patch",
    "app/run-2/model": "put patch list",
    "worker-7/s/x": "",
    "public/s/x": "",
  },
  nobody: {
    "app/s/x": "",
    "app/tmp/x": "",
    "app/secret/x": "",
    "app/run-1/model": "",
    "app/run-2/model": "",
    "worker-7/s/x": "",
    "public/s/x": "",
  },
  denied: {
    "app/s/x": "",
    "app/tmp/x": "",
    "app/secret/x": "",
    "app/run-1/model": "",
    "app/run-2/model": "",
    "worker-7/s/x": "",
    "public/s/x": "",
  },
  anonymous: {
    "app/s/x": "",
    "app/tmp/x": "",
    "app/secret/x": "",
    "app/run-1/model": "",
    "app/run-2/model": "",
    "worker-7/s/x": "",
    "public/s/x": "get list",
  },
};

/** The objects that a list of a prefix shows each caller; undefined: the list is denied. */
export const LISTS: Readonly<Record<Caller, Readonly<Record<string, string | undefined>>>> = {
  admin: {
    "": KEYS.toSorted().join(" "),
    app: "app/run-1/model app/run-2/model app/s/x app/secret/x app/tmp/x",
    "app/secret": "app/secret/x",
    "app/run-2": "app/run-2/model",
  },
  reader: {
    "": "app/run-1/model app/run-2/model app/s/x app/tmp/x public/s/x worker-7/s/x",
    app: "app/run-1/model app/run-2/model app/s/x app/tmp/x",
    "app/secret": "",
    "app/run-2": "app/run-2/model",
  },
  "worker-7": { "": "worker-7/s/x", app: undefined, "app/secret": undefined, "app/run-2": undefined },
  builder: {
    "": "app/run-1/model app/run-2/model app/s/x app/secret/x app/tmp/x",
    app: "app/run-1/model app/run-2/model app/s/x app/secret/x app/tmp/x",
    "app/secret": "app/secret/x",
    "app/run-2": "app/run-2/model",
  },
  trainer: {
    "": "app/run-2/model",
    app: "app/run-2/model",
    "app/secret": undefined,
    "app/run-2": "app/run-2/model",
  },
  nobody: { "": undefined, app: undefined, "app/secret": undefined, "app/run-2": undefined },
  denied: { "": "", app: "", "app/secret": "", "app/run-2": "" },
  anonymous: { "": "public/s/x", app: undefined, "app/secret": undefined, "app/run-2": undefined },
};

/** The names that each caller may delete as a whole. */
export const DELETES: Readonly<Record<Caller, string>> = {
  admin: "app/* app/tmp app/run-2 worker-7/* worker-7/s",
  reader: "",
  "worker-7": "worker-7/* worker-7/s",
  builder: "app/tmp",
  trainer: "",
  nobody: "",
  denied: "",
  anonymous: "",
};

export const DELETED_NAMES = ["app/*", "app/tmp", "app/run-2", "worker-7/*", "worker-7/s"] as const;
