/* A dialog of the browser's own kind: keeps the focus, closes on Escape, gives the focus back. */
import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { Icon } from "./Icon";

export function Dialog(props: { title: string; close: () => void; children: ComponentChildren }) {
  const element = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const dialog = element.current;
    const before = document.activeElement;
    dialog?.showModal();
    return () => {
      dialog?.close();
      if (before instanceof HTMLElement) before.focus();
    };
  }, []);
  return (
    <dialog ref={element} aria-label={props.title} onCancel={props.close}>
      <header>
        <h2>{props.title}</h2>
        <button type="button" class="bare" aria-label="Close" onClick={props.close}>
          <Icon name="close" />
        </button>
      </header>
      {props.children}
    </dialog>
  );
}
