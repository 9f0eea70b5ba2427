/**
 * Finds every problem of the section `cache` of a flame-cluster.yaml.
 *
 * Looks only at the file: flags and variables, which precede it at a start, are not applied. Other
 * sections belong to other services. Values that are wrong by themselves are reported first; what
 * depends on them is not judged.
 */
import { readCacheSection, sectionPath } from "./cache-section.ts";
import { type ConfigProblem, problemOf, valueProblem } from "./config-problem.ts";
import type { Environment } from "./flame-home.ts";
import { findMismatches } from "./load-cache-config.ts";
import { SETTINGS, type SettingName } from "./settings.ts";
import type { YamlFile } from "./yaml-file.ts";

/** @param env of which FLAME_HOME and HOME are used */
export function checkServerFile(file: YamlFile, env: Environment): readonly ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  const section = readCacheSection(file, (error, path) => problems.push(problemOf(error, file, path)));
  for (const { key, source, suggestion } of section.warnings) {
    problems.push({ severity: "error", source, key, text: "is not a known key", suggestion });
  }
  const wrong = new Set<SettingName>();
  for (const name of Object.keys(SETTINGS) as SettingName[]) {
    const { key, schema } = SETTINGS[name];
    const value = section.values.get(key);
    const problem = value === undefined ? undefined : valueProblem(file, sectionPath(key), { value, schema });
    if (problem === undefined) continue;
    wrong.add(name);
    problems.push(problem);
  }
  const { errors, warnings } = findMismatches(section, env, wrong);
  for (const error of errors) {
    problems.push(problemOf(error, file, String(error.facts.key ?? "cache").split(".")));
  }
  for (const { text, key, source } of warnings) {
    problems.push({ severity: "warning", source, key, text, suggestion: undefined });
  }
  return problems;
}
