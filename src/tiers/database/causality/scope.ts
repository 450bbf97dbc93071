// A scope: what one user has seen, while one request of theirs is served. It answers what a read needs, and grows.
//
// For each shard it is in one of three states:
//   known      a position; a read needs a source that has passed it
//   unknown    the user may have seen anything; a read goes to the primary, whose position makes the shard known
//   anonymous  the user has seen nothing; a read may be as old as the bounds of lag allow, and leaves nothing
// A scope that was opened with a token has all shards unknown that the token does not name: the user may have seen them
// before the token began. A write makes its shard known, also of somebody anonymous.

import type { CausalScope } from '../contract.ts'
import { formatToken, isAfter, type Position, type Positions, parseToken } from './token.ts'

export const unknownToken = 'unknown'

export class Scope implements CausalScope {
  grewBy: 'read' | 'write' | undefined
  readonly #positions: Positions
  #isAnonymous: boolean
  #hasForgotten = false

  constructor(token: string | undefined) {
    this.#positions = (token !== undefined && parseToken(token)) || new Map()
    this.#isAnonymous = token === undefined
  }

  get token(): string | undefined {
    const isNothing = this.#positions.size === 0 && !this.#hasForgotten
    return isNothing ? undefined : (formatToken(this.#positions) ?? unknownToken)
  }

  /** What a read of the shard needs: a position; undefined: the primary; `anything`: nothing. */
  neededOf(shard: string): Position | 'anything' | undefined {
    return this.#positions.get(shard) ?? (this.#isAnonymous ? 'anything' : undefined)
  }

  /** The token names the shard. */
  knows(shard: string): boolean {
    return this.#positions.has(shard)
  }

  /** Whether a read of the shard leaves a trace: then its answer must come with a position. */
  remembers(shard: string): boolean {
    return !this.#isAnonymous || this.#positions.has(shard)
  }

  /** A source answered, and stood at `position` or before it when it did. */
  note(shard: string, position: Position, by: 'read' | 'write'): void {
    const known = this.#positions.get(shard)
    if (known && !isAfter(position, known)) return
    this.#positions.set(shard, position)
    if (this.grewBy !== 'write') this.grewBy = by
  }

  /** Something was written whose position is lost: the shard is unknown again. */
  forget(shard: string): void {
    const isNothingLost = !this.#positions.delete(shard) && !this.#isAnonymous
    if (isNothingLost) return
    this.#isAnonymous = false
    this.#hasForgotten = true
    this.grewBy = 'write'
  }
}

/**
 * Reads go to the primary, whatever the user needs. What is seen and written there, the user has seen and written too; who is
 * anonymous stays it as long as nothing is written.
 */
export class NewestScope extends Scope {
  readonly #user: Scope

  constructor(user: Scope) {
    super(unknownToken)
    this.#user = user
  }

  override note(shard: string, position: Position, by: 'read' | 'write'): void {
    super.note(shard, position, by)
    if (by === 'write' || this.#user.remembers(shard)) this.#user.note(shard, position, by)
  }

  override forget(shard: string): void {
    super.forget(shard)
    this.#user.forget(shard)
  }
}
