/* `x`: what the open view gives away, as files made here in the browser. */
import { Dialog } from "./Dialog";
import { type File, offered } from "./session";
import { say } from "./Say";

async function save(file: File): Promise<void> {
  const made = await file.make();
  const url = URL.createObjectURL(typeof made === "string" ? new Blob([made], { type: file.kind }) : made);
  const link = document.createElement("a");
  link.href = url;
  link.download = file.name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
  say(`Saved as ${file.name}.`);
}

export function Export({ close }: { close: () => void }) {
  return (
    <Dialog title="Export" close={close}>
      <ul class="files">
        {offered.value?.files.map((file) => (
          <li key={file.name}>
            <button
              type="button"
              onClick={() => {
                save(file).then(close, (error: unknown) => say(`Not saved: ${String(error)}`));
              }}
            >
              {file.what}
            </button>{" "}
            <span class="quiet">{file.name}</span>
          </li>
        ))}
      </ul>
    </Dialog>
  );
}
