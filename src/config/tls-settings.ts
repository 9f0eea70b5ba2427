/**
 * The TLS settings of a server: the certificate of the Flight endpoint and of HTTP listeners with
 * `https`, and which client certificates they accept.
 */
import { CacheError } from "../errors.ts";
import type { ClientCertificates, TlsConfig } from "./cache-config.ts";
import type { ConfigWarning } from "./cache-section.ts";
import type { Endpoint } from "./endpoint.ts";
import type { HttpAddress } from "./http-address.ts";
import { type PickedSetting, wrongValue } from "./pick-setting.ts";
import { type PathBases, readablePath } from "./readable-path.ts";
import { SETTINGS } from "./settings.ts";

/** The settings that this module reads. */
export interface PickedTls {
  readonly endpoint: PickedSetting<Endpoint>;
  readonly admin: PickedSetting<HttpAddress | null>;
  readonly http: PickedSetting<HttpAddress | null>;
  readonly certFile: PickedSetting<string | undefined>;
  readonly keyFile: PickedSetting<string | undefined>;
  readonly caFile: PickedSetting<string | undefined>;
  readonly clientCaFile: PickedSetting<string | undefined>;
  readonly clientCertificates: PickedSetting<ClientCertificates | undefined>;
}

const TLS_SETTINGS = ["certFile", "keyFile", "caFile", "clientCaFile", "clientCertificates"] as const;

/**
 * Undefined if no address uses TLS.
 * @throws {CacheError} INVALID_CONFIG if a file is missing.
 */
export function tlsOf(picked: PickedTls, bases: PathBases, warnings: ConfigWarning[]): TlsConfig | undefined {
  const user = firstWithTls(picked);
  if (user === undefined) {
    warnings.push(...unusedTls(picked));
    return undefined;
  }
  const clientCaFile = readablePath("clientCaFile", picked.clientCaFile, bases);
  return {
    certFile: requiredPath("certFile", picked, { user, bases }),
    keyFile: requiredPath("keyFile", picked, { user, bases }),
    caFile: readablePath("caFile", picked.caFile, bases),
    clientCaFile,
    clientCertificates: clientCertificatesOf(picked.clientCertificates, clientCaFile),
  };
}

/** An address that uses TLS, for error messages. */
interface TlsUser {
  readonly text: string;
  readonly source: string;
}

function firstWithTls({ endpoint, admin, http }: PickedTls): TlsUser | undefined {
  if (endpoint.value.scheme === "grpcs") {
    return { text: "the endpoint is grpcs:// (endpoint", source: endpoint.source.place };
  }
  for (const [name, { value, source }] of Object.entries({ admin, http })) {
    if (value?.scheme === "https") return { text: `${name} is https:// (${name}`, source: source.place };
  }
  return undefined;
}

function requiredPath(
  name: "certFile" | "keyFile",
  picked: PickedTls,
  { user, bases }: { readonly user: TlsUser; readonly bases: PathBases },
): string {
  const path = readablePath(name, picked[name], bases);
  if (path !== undefined) return path;
  const key = `cache.${SETTINGS[name].key}`;
  const text = `${key} must be set when ${user.text} from ${user.source})`;
  throw new CacheError("INVALID_CONFIG", text, { facts: { key, source: user.source } });
}

/** An operator who names an authority for clients wants their certificates. */
function clientCertificatesOf(
  { value, source }: PickedSetting<ClientCertificates | undefined>,
  clientCaFile: string | undefined,
): ClientCertificates {
  if (clientCaFile !== undefined) return value ?? "required";
  if (value === undefined || value === "none") return "none";
  const wrong = { key: `cache.${SETTINGS.clientCertificates.key}`, source: source.place };
  throw wrongValue(wrong, value, `must be none without cache.${SETTINGS.clientCaFile.key}`);
}

/**
 * Warns only about TLS settings of the file: variables may be set for other programs on the same
 * host.
 */
function unusedTls(picked: PickedTls): ConfigWarning[] {
  return TLS_SETTINGS.filter((name) => picked[name].source.kind === "file").map((name) => ({
    text: "TLS setting ignored: the endpoint is not grpcs://, and no listener is https://",
    key: `cache.${SETTINGS[name].key}`,
    source: picked[name].source.place,
  }));
}
