/* Gives what each answer says of the measurement to the bar, and of who asks to the frame. */
import { useEffect } from "preact/hooks";
import type { HealthBar } from "../generated/questions";
import { health } from "./health";
import { me } from "./session";

export function useHealth(answer: HealthBar | null): void {
  useEffect(() => {
    if (answer === null) return;
    health.value = answer;
    if (me.value?.name !== answer.me.name || me.value.role !== answer.me.role) me.value = answer.me;
  }, [answer]);
}
