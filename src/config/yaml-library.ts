/**
 * The library `yaml`, read only where there is a YAML file: reading its seventy files is a sixth of a start without one.
 */
import { createRequire } from "node:module";
import { HERE } from "../thread-entries.ts";

type YamlLibrary = typeof import("yaml");

const require = createRequire(HERE);

export function yamlLibrary(): YamlLibrary {
  return require("yaml") as YamlLibrary;
}
