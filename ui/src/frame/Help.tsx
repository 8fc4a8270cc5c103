/* `?`: the keys, as they are bound at this moment. */
import { Dialog } from "./Dialog";
import { bound, keysOff, switchKeys } from "./keys";

const SHOWN: Record<string, string> = { " ": "Space", ArrowDown: "↓", ArrowUp: "↑", Escape: "Esc", S: "Shift+S" };

export function Help({ close }: { close: () => void }) {
  return (
    <Dialog title="Keys" close={close}>
      <dl class="keys">
        {bound().map((key) => (
          <div key={key.keys.join("|")}>
            <dt>
              {key.keys.map((name) => (
                <kbd key={name}>{SHOWN[name] ?? name}</kbd>
              ))}
            </dt>
            <dd>{key.does}</dd>
          </div>
        ))}
      </dl>
      <label class="check">
        <input
          type="checkbox"
          checked={keysOff.value}
          onChange={(event) => switchKeys(event.currentTarget.checked)}
        />
        Switch single keys off
      </label>
    </Dialog>
  );
}
