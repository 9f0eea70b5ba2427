/**
 * Asks for a token after an answer 401, or when the user wants to use another one.
 */
import { useRef } from "preact/hooks";
import { session, setToken, stopAsking } from "../api/session.ts";
import { useStore } from "../api/store.ts";
import { Dialog } from "./dialog.tsx";

export function TokenDialog() {
  const { isTokenWanted, token } = useStore(session);
  const field = useRef<HTMLInputElement>(null);
  const keep = useRef<HTMLInputElement>(null);
  if (!isTokenWanted) return null;
  const submit = (event: Event) => {
    event.preventDefault();
    const text = field.current?.value.trim() ?? "";
    if (text !== "") setToken(text, keep.current?.checked === true);
  };
  return (
    <Dialog title="Access token" onClose={stopAsking}>
      <p>
        This server asks who you are. Enter a token that <code>flame-object-cache token create</code> made.
      </p>
      <form onSubmit={submit}>
        <label class="field">
          Token
          <input ref={field} type="password" autocomplete="off" spellcheck={false} required />
        </label>
        <label class="check">
          <input ref={keep} type="checkbox" /> Keep it until this tab is closed
        </label>
        <div class="buttons">
          {token !== undefined && (
            <button type="button" class="push" onClick={() => setToken(undefined, false)}>
              Forget the token
            </button>
          )}
          <button type="button" onClick={stopAsking}>
            Cancel
          </button>
          <button type="submit" class="primary">
            Use this token
          </button>
        </div>
      </form>
    </Dialog>
  );
}
