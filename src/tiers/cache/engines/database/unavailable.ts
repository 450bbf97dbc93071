// Whoever asks for a lock or a limit has to know that there is no answer, whatever the reason is.

import { describeError, isTenfoldError, TenfoldError } from '../../../../base/errors.ts'

/** A lock that was given by an answer that was lost ends with its time; nobody has it. */
export async function orUnavailable<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer
  } catch (error) {
    if (!isTenfoldError(error) || error.code === 'unavailable' || error.code === 'bad-input') throw error
    throw new TenfoldError('unavailable', `the database did not answer: ${describeError(error)}`, { cause: error })
  }
}
