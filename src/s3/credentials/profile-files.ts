/**
 * Reads the shared credentials and config files of AWS tools: sections of `name = value` lines.
 *
 * Returns all settings of a profile; default-credentials.ts decides whether its keys have to be
 * fetched. The files are bounded in size. Nothing is expanded, and no process is started.
 * Source: "Shared config and credentials files" in the AWS SDKs and Tools Reference Guide.
 */
import { createReadStream } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { CacheError } from "../../errors.ts";
import { LIMITS } from "../../limits.ts";

export interface ProfilePlace {
  readonly profile: string;
  readonly credentialsFile: string;
  readonly configFile: string;
}

/** Settings of a profile by their names in lower case. */
export type Profile = ReadonlyMap<string, string>;

/** Where the environment says that the files are. */
export function profilePlace(env: Readonly<Record<string, string | undefined>>): ProfilePlace {
  const folder = join(env.HOME ?? homedir(), ".aws");
  return {
    profile: env.AWS_PROFILE || env.AWS_DEFAULT_PROFILE || "default",
    credentialsFile: env.AWS_SHARED_CREDENTIALS_FILE || join(folder, "credentials"),
    configFile: env.AWS_CONFIG_FILE || join(folder, "config"),
  };
}

/**
 * The profile of both files; the credentials file wins. Undefined if neither has it.
 * @throws {CacheError} INVALID_CONFIG if a file is too large or cannot be read
 */
export async function readProfile(place: ProfilePlace): Promise<Profile | undefined> {
  const config = parseProfiles(await readText(place.configFile));
  const secrets = parseProfiles(await readText(place.credentialsFile));
  const { profile } = place;
  const ofConfig =
    config.get(`profile ${profile}`) ?? (profile === "default" ? config.get(profile) : undefined);
  const ofSecrets = secrets.get(profile);
  if (ofConfig === undefined && ofSecrets === undefined) return undefined;
  return new Map([...(ofConfig ?? []), ...(ofSecrets ?? [])]);
}

/** Indented lines are settings of a service, which are skipped. */
export function parseProfiles(text: string): Map<string, Map<string, string>> {
  const profiles = new Map<string, Map<string, string>>();
  let section: Map<string, string> | undefined;
  for (const line of text.split(/\r?\n/)) {
    const head = /^\[\s*([^\]]*?)\s*\]/.exec(line)?.[1];
    if (head !== undefined) {
      const name = head.replace(/\s+/g, " ");
      section = profiles.get(name) ?? new Map();
      profiles.set(name, section);
      continue;
    }
    const [, name, value] = /^([A-Za-z0-9_-]+)\s*=\s*(.*)$/.exec(line) ?? [];
    if (name !== undefined) section?.set(name.toLowerCase(), (value ?? "").replace(/\s+[#;].*$/, "").trim());
  }
  return profiles;
}

/** "" if there is no such file. */
async function readText(path: string): Promise<string> {
  const parts: Buffer[] = [];
  let sizeBytes = 0;
  try {
    for await (const part of createReadStream(path, { end: LIMITS.s3ProfileBytesMax })) {
      parts.push(part as Buffer);
      sizeBytes += (part as Buffer).length;
    }
  } catch (error) {
    if (["ENOENT", "ENOTDIR"].includes((error as NodeJS.ErrnoException).code ?? "")) return "";
    throw new CacheError("INVALID_CONFIG", `${path} cannot be read`, { cause: error });
  }
  if (sizeBytes > LIMITS.s3ProfileBytesMax) {
    throw new CacheError("INVALID_CONFIG", `${path} is larger than ${LIMITS.s3ProfileBytesMax} bytes`);
  }
  return Buffer.concat(parts)
    .toString("utf8")
    .replace(/^\uFEFF/, "");
}
