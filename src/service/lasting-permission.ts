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
  let timer: NodeJS.Timeout | undefined;
  let isOver = false;
  // One question at a time: an answer may be late.
  const askLater = (): void => {
    if (!isOver) timer = setTimeout(() => void ask().then(askLater, lost), LIMITS.permissionAskedMs).unref();
  };
  askLater();
  return () => {
    isOver = true;
    clearTimeout(timer);
  };
}
