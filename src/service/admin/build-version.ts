/**
 * The version of this package, from its manifest.
 *
 * A host that bundles the package leaves the manifest behind: then the version is unknown.
 */
import { createRequire } from "node:module";
import { HERE } from "../../thread-entries.ts";

export const BUILD_VERSION: string = readVersion();

function readVersion(): string {
  try {
    return (createRequire(HERE)("../package.json") as { version: string }).version;
  } catch {
    return "unknown";
  }
}
