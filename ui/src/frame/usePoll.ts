/* A poll for as long as a component is there. */
import { useEffect, useRef, useState } from "preact/hooks";
import { EVERY, type Pace, type Polled, poll } from "../api/poll";
import type { Question } from "../api/question";

/** Asks anew when `key` changes; what is on screen stays until the next answer is there. */
export function usePoll<Answer, Asked>(
  question: Question<Answer, Asked>,
  key: string,
  variables: () => Asked | null,
  pace: Pace = {},
): Polled<Answer> | null {
  const [polled, setPolled] = useState<Polled<Answer> | null>(null);
  const latest = useRef({ variables, pace });
  latest.current = { variables, pace };
  useEffect(() => {
    const made = poll(
      question,
      () => latest.current.variables(),
      { live: () => latest.current.pace.live?.() ?? true, every: () => latest.current.pace.every?.() ?? EVERY },
    );
    setPolled(made);
    return made.stop;
  }, [question]);
  useEffect(() => polled?.now(), [key]);
  return polled;
}
