/* The few pictures of the frame, drawn in the colour of the text around them. */

const PATHS = {
  search: "M7 2a5 5 0 1 0 0 10A5 5 0 0 0 7 2Zm3.6 8.6L14 14",
  link: "M6.5 9.5l3-3M7.5 4.5l1.2-1.2a3 3 0 0 1 4.2 4.2L11.5 8.8M8.5 11.5l-1.2 1.2a3 3 0 0 1-4.2-4.2L4.5 7.2",
  download: "M8 2v8M4.5 7 8 10.5 11.5 7M3 13.5h10",
  theme: "M8 2a6 6 0 1 0 0 12Z M8 2a6 6 0 0 1 0 12",
  close: "M4 4l8 8M12 4l-8 8",
  left: "M10 3 5 8l5 5",
  right: "M6 3l5 5-5 5",
  plus: "M8 3v10M3 8h10",
} as const;

export function Icon({ name }: { name: keyof typeof PATHS }) {
  return (
    <svg class={`icon icon-${name}`} width="16" height="16" viewBox="0 0 16 16" aria-hidden="true">
      <path d={PATHS[name]} />
    </svg>
  );
}

export function Logo() {
  return (
    <svg class="logo" width="22" height="22" viewBox="0 0 24 24" aria-hidden="true">
      <path d="M12 2l8.7 5v10L12 22l-8.7-5V7z" />
      <path class="hop" d="M7.5 14.5a4.5 4.5 0 0 1 9 0" />
      <circle cx="7.5" cy="14.5" r="1.6" />
      <circle cx="16.5" cy="14.5" r="1.6" />
    </svg>
  );
}
