/* What a question is: the text that the server reads, and the types of what goes and comes. */

export interface Question<Answer, Asked> {
  name: string;
  text: string;
  /** Only for the compiler. */
  readonly types?: (asked: Asked) => Answer;
}
