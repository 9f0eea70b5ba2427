/**
 * Warnings of the client library, as process warnings of Node: on standard error, once each.
 *
 * A program handles them with `process.on("warning")` and turns them off with
 * `--disable-warning=FLAME_SECURITY`.
 */

export function warnOfSecurity(text: string): void {
  process.emitWarning(text, { type: "FlameSecurityWarning", code: "FLAME_SECURITY" });
}
