/**
 * Resolves the path of a file that a setting names, and checks that it can be read, so that a wrong
 * path is reported with its key and line.
 */
import { accessSync, constants } from "node:fs";
import { dirname } from "node:path";
import { type Environment, userHome } from "./flame-home.ts";
import { type PickedSetting, wrongValue } from "./pick-setting.ts";
import { SETTINGS, type SettingName } from "./settings.ts";
import { type PathContext, resolvePath } from "./storage-location.ts";

/** What relative paths are relative to. */
export interface PathBases {
  readonly env: Environment;
  readonly workingDirectory: string;
  readonly configFile: string | undefined;
}

/**
 * A relative path in the file is under the file's directory, any other under the working directory.
 * @throws {CacheError} INVALID_CONFIG if the file cannot be read.
 */
export function readablePath(
  name: SettingName,
  { value, source }: PickedSetting<string | undefined>,
  bases: PathBases,
): string | undefined {
  if (value === undefined) return undefined;
  const inFile = source.kind === "file" && bases.configFile !== undefined;
  const context: PathContext = {
    directory: inFile ? dirname(bases.configFile) : bases.workingDirectory,
    userHome: userHome(bases.env),
  };
  const path = resolvePath(value, context);
  try {
    accessSync(path, constants.R_OK);
    return path;
  } catch {
    const wrong = { key: `cache.${SETTINGS[name].key}`, source: source.place };
    throw wrongValue(wrong, value, "must be a file that can be read");
  }
}
