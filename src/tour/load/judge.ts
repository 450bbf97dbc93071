// What counts as failed: any 5xx, a 4xx that the request did not earn (all of ours ask for what is there, with a session),
// any other status that is not 2xx, and a 2xx that does not say what it promised. A dead transport and the time-out
// (counted from the due time) fail before they come here.

import { describeError } from '../../base/errors.ts'
import type { Answer } from './client.ts'
import type { Operation } from './operation.ts'

const shownCharactersMax = 160

/** Takes a good answer into the ledger; answers why it is not good, else undefined. */
export function judge(answer: Answer, operation: Operation): string | undefined {
  if (answer.status < 200 || answer.status > 299)
    return `status ${answer.status}: ${answer.body.toString('utf8', 0, shownCharactersMax)}`
  try {
    operation.accept(answer)
    return undefined
  } catch (error) {
    return `the answer does not hold: ${describeError(error)}`
  }
}
