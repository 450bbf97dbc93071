// Locks with fencing tokens. The lock may end while its holder still believes in it (a pause, a partition, a server that
// was lost with it), and no lock in Redis can prevent that: the token is what makes it safe, since it grows with each
// holder, and what the lock guards refuses a lower one.

import { randomBytes } from 'node:crypto'
import { describeError, isTenfoldError, TenfoldError } from '../../../../base/errors.ts'
import type { Lock, Locks } from '../../shared/contract.ts'
import { checkHold } from '../../shared/guard-terms.ts'
import type { KeyNames } from './keys.ts'
import { extendScript, lockScript, runScript } from './scripts.ts'
import type { Servers } from './servers.ts'

/** How long the last token of a name is remembered; after that the server's clock alone keeps them growing. */
const lastTokenMs = 24 * 3600 * 1000

export class RedisLocks implements Locks {
  readonly #servers: Servers
  readonly #names: KeyNames

  constructor(servers: Servers, names: KeyNames) {
    this.#servers = servers
    this.#names = names
  }

  async acquire(name: string, { holdMs }: { holdMs: number }): Promise<Lock | undefined> {
    checkHold(name, holdMs)
    const who = randomBytes(8).toString('hex')
    const keys = [this.#names.lock(name), this.#names.lastToken(name)]
    const { send } = this.#servers.place(name)
    const answer = await orUnavailable(
      runScript(send, lockScript, keys, [who, String(Math.ceil(holdMs)), String(lastTokenMs)]),
    )
    if (answer === null) return undefined
    const token = String(answer)
    const change = async (ms: number) => {
      const { send } = this.#servers.place(name)
      const args = [token + who, String(ms)]
      return (await orUnavailable(runScript(send, extendScript, [this.#names.lock(name)], args))) === 1
    }
    return {
      name,
      token: Number(token),
      async extend(ms) {
        checkHold(name, ms)
        return change(Math.ceil(ms))
      },
      release: () => change(0),
    }
  }
}

/** Whoever asks for a lock or a limit has to know that there is no answer. */
export async function orUnavailable<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer
  } catch (error) {
    if (isTenfoldError(error, 'unavailable')) throw error
    throw new TenfoldError('unavailable', `Redis did not answer: ${describeError(error)}`, { cause: error })
  }
}
