/* Asked for when the server wants to know who asks. */
import { useState } from "preact/hooks";
import { giveToken, tokenWanted } from "./session";

export function TokenForm() {
  const [text, setText] = useState("");
  return (
    <main class="narrow">
      <section class="panel" aria-label="Sign in">
        <h2>Who asks?</h2>
        <p>{tokenWanted.value}</p>
        <form
          class="row"
          onSubmit={(event) => {
            event.preventDefault();
            if (text.trim() !== "") giveToken(text.trim());
          }}
        >
          <label>
            Token{" "}
            <input
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
