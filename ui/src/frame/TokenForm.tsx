/* Asked for when the server wants to know who asks. */
import { useEffect, useRef, useState } from "preact/hooks";
import { giveToken, tokenWanted } from "./session";

export function TokenForm() {
  const [text, setText] = useState("");
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => field.current?.focus(), []);
  return (
    <main id="main" class="narrow" tabIndex={-1}>
      <section class="panel" aria-label="Sign in">
        <h1>Who asks?</h1>
        <p role="alert">{tokenWanted.value}</p>
        <form
          class="row"
          onSubmit={(event) => {
            event.preventDefault();
            if (text.trim() !== "") giveToken(text.trim());
          }}
        >
          <label class="row">
            Token
            <input
              ref={field}
              type="password"
              autocomplete="off"
              value={text}
              onInput={(event) => setText(event.currentTarget.value)}
            />
          </label>
          <button type="submit" class="main">
            Go on
          </button>
        </form>
        <p class="quiet">It is kept in this tab and forgotten when the tab closes.</p>
      </section>
    </main>
  );
}
