/**
 * The directories that are searched for configuration: FLAME_HOME, by default `~/.flame`, and HOME.
 *
 * An empty variable counts as not set. This applies to every variable that the configuration reads.
 */
import { homedir } from "node:os";
import { join, resolve } from "node:path";

export type Environment = Readonly<Record<string, string | undefined>>;

/** The value of a variable; undefined if it is not set or is blank. */
export function readVariable(env: Environment, name: string): string | undefined {
  const value = env[name];
  return value === undefined || value.trim() === "" ? undefined : value;
}

export function userHome(env: Environment): string {
  return readVariable(env, "HOME") ?? homedir();
}

/** The directory FLAME_HOME as an absolute path. */
export function flameHome(env: Environment): string {
  const home = readVariable(env, "FLAME_HOME");
  return home === undefined ? join(userHome(env), ".flame") : resolve(home);
}

/** The environment of the process, for parts that read variables of other tools. */
export function processEnvironment(): Environment {
  return process.env;
}
