/* Asks one question again and again, a second after the last one went out; a view has exactly one poll. */
import { type ReadonlySignal, signal } from "@preact/signals";
import { Unanswered, ask } from "./ask";
import type { Question } from "./question";

export const EVERY = 1000;
const SLOWEST = 8000;

export interface Trouble {
  message: string;
  refused: boolean;
  /** Questions without an answer in a row, since when, and when the next one goes out; ms. */
  times: number;
  since: number;
  next: number;
}

export interface Polled<Answer> {
  answer: ReadonlySignal<Answer | null>;
  trouble: ReadonlySignal<Trouble | null>;
  /** When the answer on screen came, ms; 0 for none. */
  at: ReadonlySignal<number>;
  /** Asks now. */
  now: () => void;
  stop: () => void;
}

function troubled(error: unknown, began: number, last: Trouble | null): Trouble {
  if (!(error instanceof Unanswered)) throw error;
  const times = (last?.times ?? 0) + 1;
  const wait = error.refused ? SLOWEST : Math.min(SLOWEST, EVERY * 2 ** Math.min(times - 1, 3));
  return { message: error.message, refused: error.refused, times, since: last?.since ?? began, next: Date.now() + wait };
}

/** How it is asked: again or once is enough; how many ms from one question to the next. */
export interface Pace {
  live?: () => boolean;
  every?: () => number;
}

/** `variables` is read each time; null: nothing to ask now. */
export function poll<Answer, Asked>(
  question: Question<Answer, Asked>,
  variables: () => Asked | null,
  { live = () => true, every = () => EVERY }: Pace = {},
): Polled<Answer> {
  const answer = signal<Answer | null>(null);
  const trouble = signal<Trouble | null>(null);
  const at = signal(0);
  let timer = 0;
  let under: AbortController | null = null;
  let ended = false;

  function again(after: number): void {
    clearTimeout(timer);
    if (!ended) timer = window.setTimeout(once, after);
  }

  function once(): void {
    clearTimeout(timer);
    under?.abort();
    const asked = variables();
    if (asked === null || document.hidden) {
      again(EVERY);
      return;
    }
    const mine = new AbortController();
    const began = Date.now();
    under = mine;
    ask(question, asked, mine.signal).then(
      (got) => {
        if (mine.signal.aborted) return;
        answer.value = got;
        at.value = Date.now();
        trouble.value = null;
        if (live()) again(Math.max(100, every() - (Date.now() - began)));
      },
      (error: unknown) => {
        if (mine.signal.aborted) return;
        const now = troubled(error, began, trouble.value);
        trouble.value = now;
        again(now.next - Date.now());
      },
    );
  }

  once();
  return {
    answer,
    trouble,
    at,
    now: once,
    stop: () => {
      ended = true;
      clearTimeout(timer);
      under?.abort();
    },
  };
}
