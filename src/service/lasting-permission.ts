/**
 * Asks again and again whether the caller of an endless call may still make it: its token may be
 * revoked or expire, and the rules may change.
 *
 * Calls with an end are asked once, so that none of them breaks in the middle.
 */
import type { AccessControl, Credentials } from "../access/access-control.ts";
import { authorize } from "../access/guarded-cache.ts";
import { LIMITS } from "../limits.ts";

export interface LastingCaller {
  readonly access: AccessControl;
  readonly credentials: Credentials;
}

/**
 * For calls that need the verb `admin`.
 * @param lost gets UNAUTHENTICATED or PERMISSION_DENIED, once.
 * @returns ends the questions.
 */
export function whileAdmin(
  { access, credentials }: LastingCaller,
  lost: (error: unknown) => void,
): () => void {
  if (!access.isOn) return () => {};
  const ask = async (): Promise<void> =>
    authorize(await access.identify(credentials), "admin", { scope: "all" });
  const timer = setInterval(() => {
    ask().catch((error: unknown) => {
      clearInterval(timer);
      lost(error);
    });
  }, LIMITS.permissionAskedMs).unref();
  return () => clearInterval(timer);
}
