/* Asks the server: one POST to /graphql; what goes wrong is an Unanswered with a sentence for the reader. */
import { learnClock } from "../frame/health";
import { token, wantToken } from "../frame/session";
import type { Question } from "./question";

export class Unanswered extends Error {
  /** `refused`: the server understood and said no; otherwise it could not be reached. */
  constructor(
    message: string,
    readonly refused: boolean,
  ) {
    super(message);
  }
}

interface Reply<Answer> {
  data?: Answer | null;
  errors?: { message: string }[];
}

/** Raises Unanswered. */
export async function ask<Answer, Asked>(
  question: Question<Answer, Asked>,
  variables: Asked,
  signal?: AbortSignal,
): Promise<Answer> {
  let reply: Reply<Answer>;
  let status = 0;
  let stranger = false;
  const began = Date.now();
  try {
    const answer = await fetch("/graphql", {
      method: "POST",
      headers: { "content-type": "application/json", ...(token.value ? { authorization: `Bearer ${token.value}` } : {}) },
      credentials: "omit",
      body: JSON.stringify({ operationName: question.name, query: question.text, variables }),
      signal: signal ?? null,
    });
    status = answer.status;
    stranger = answer.headers.has("www-authenticate");
    learnClock(answer.headers.get("date"), Date.now() - began);
    reply = (await answer.json()) as Reply<Answer>;
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Unanswered(status > 0 ? `answer ${status} without sense` : "connection refused", false);
  }
  const first = reply.errors?.[0];
  if (stranger) wantToken(first?.message ?? "the server wants to know who asks");
  if (first) throw new Unanswered(first.message, true);
  if (!reply.data) throw new Unanswered(`answer ${status} without data`, false);
  return reply.data;
}
