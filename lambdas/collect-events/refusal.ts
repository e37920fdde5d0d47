/** Why a whole request is not taken; its message is the answer, so it tells nothing of us but what is allowed. */
export class Refusal extends Error {
  constructor(
    readonly status: 400 | 401 | 403 | 413,
    message: string,
  ) {
    super(message);
    this.name = 'Refusal';
  }
}
