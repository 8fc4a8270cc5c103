/* A poll for as long as a component is there. */
import { useEffect, useRef, useState } from "preact/hooks";
import { type Polled, poll } from "../api/poll";
import type { Question } from "../api/question";

/** Asks anew when `key` changes; what is on screen stays until the next answer is there. */
export function usePoll<Answer, Asked>(
  question: Question<Answer, Asked>,
  key: string,
  variables: () => Asked | null,
  live: () => boolean = () => true,
): Polled<Answer> | null {
  const [polled, setPolled] = useState<Polled<Answer> | null>(null);
  const latest = useRef({ variables, live });
  latest.current = { variables, live };
  useEffect(() => {
    const made = poll(
      question,
      () => latest.current.variables(),
      () => latest.current.live(),
    );
    setPolled(made);
    return made.stop;
  }, [question]);
  useEffect(() => polled?.now(), [key]);
  return polled;
}
