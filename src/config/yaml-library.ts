/**
 * Loads the library `yaml`, and only if there is a YAML file to read.
 *
 * Loading its seventy files would take a sixth of the time of a start without a YAML file.
 */
import { createRequire } from "node:module";
import { HERE } from "../thread-entries.ts";

type YamlLibrary = typeof import("yaml");

const require = createRequire(HERE);

export function yamlLibrary(): YamlLibrary {
  return require("yaml") as YamlLibrary;
}
