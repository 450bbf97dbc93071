// Sessions as operators have them: those of one user, listed and revoked by a web process; and the key that signs cookies.

import { describeError, isTenfoldError, TenfoldError } from '../base/errors.ts'
import { Semaphore } from '../base/limits.ts'
import { type RotatedKeys, rotateCookieKey } from '../map/cookie-keys.ts'
import { nodesOf } from '../map/map.ts'
import { DoorClient } from '../processes/door/client.ts'
import type { SeenSession, SessionAnswer, SessionRequest } from '../processes/session-desk.ts'
import type { System } from './system.ts'

/** A session may have begun when the topology had a longer idle time than now. */
const oldKeyMsMin = 30 * 86_400_000
/** One that stands still finds the new key by itself. */
const tellMsMax = 5000
const rotationsWaitingMax = 10
/** Of the door of a process that finds a new key by itself. */
const newKeyVersion = 1

export class SessionControl {
  readonly #system: Pick<System, 'home' | 'keeper' | 'events'>
  readonly #rotations = new Semaphore(1, rotationsWaitingMax)

  constructor(system: Pick<System, 'home' | 'keeper' | 'events'>) {
    this.#system = system
  }

  /** @throws not-built when the app is a program with sessions of its own; unavailable when no web process answers. */
  async list(userId: string): Promise<SeenSession[]> {
    return (await this.#ask({ kind: 'list', userId })).sessions
  }

  /** Answers how many there were. May be repeated. @throws as `list`. */
  async revoke(what: { user: string } | { id: string }): Promise<{ revoked: number }> {
    const isOne = 'id' in what
    const { revoked } = await this.#ask(
      isOne ? { kind: 'revoke', id: what.id } : { kind: 'revoke-all', userId: what.user },
    )
    if (revoked > 0)
      this.#system.events.emit(
        'info',
        isOne ? 'a session was revoked' : `${revoked} sessions of user ${what.user} were revoked`,
      )
    return { revoked }
  }

  /**
   * A new key signs cookies from now on. Nobody is logged out: old ones verify as long as what they signed can live; unless
   * they are dropped on purpose, and then everybody is. @throws conflict when too many old ones still have to verify, or a web
   * process is of an older version of ours, which takes whoever comes with the new key for a stranger.
   */
  rotateKey({ dropsOld }: { dropsOld: boolean }): Promise<RotatedKeys> {
    return this.#rotations.run(async () => {
      const { home, keeper, events } = this.#system
      if (!dropsOld) await this.#expectNewKeyIsFound()
      const { idleMs } = keeper.map.topology.session
      const done = await rotateCookieKey(home, {
        idleMs: Math.max(idleMs, oldKeyMsMin),
        now: Date.now(),
        dropsOld,
      })
      await keeper.changeEverywhere((draft) => {
        draft.cookieKeysVersion = (draft.cookieKeysVersion ?? 0) + 1
      }, tellMsMax)
      events.emit('info', `a new key signs cookies; ${done.keys} verify, ${done.dropped} were dropped`)
      return done
    })
  }

  /** By all web processes that answer; one that stands still may be older, and is not waited for. */
  async #expectNewKeyIsFound(): Promise<void> {
    const { home, keeper } = this.#system
    const running = nodesOf(keeper.map, 'web').filter(({ pid }) => pid !== null)
    const states = await Promise.all(running.map(({ id }) => new DoorClient(home, id).state().catch(() => undefined)))
    const old = states.find((state) => state && (state.version ?? 0) < newKeyVersion)
    if (!old) return
    const { node } = old
    throw new TenfoldError(
      'conflict',
      `${node} runs an older version of Tenfold, which would log out whoever comes with the new key; deploy the app first`,
    )
  }

  /** One web process after the other, until one answers: what is asked may be asked twice. */
  async #ask(request: SessionRequest): Promise<SessionAnswer> {
    const { home, keeper } = this.#system
    if (keeper.map.topology.web.command !== undefined)
      throw new TenfoldError('not-built', 'the app is a program of its own (web.command), and so are its sessions')
    const nodes = nodesOf(keeper.map, 'web').filter(({ pid, state }) => pid !== null && state === 'ready')
    let cause: unknown
    for (const { id } of nodes) {
      try {
        return await new DoorClient(home, id).sessions(request)
      } catch (error) {
        if (!isTenfoldError(error, 'unavailable')) throw error
        cause = error
      }
    }
    const why = cause === undefined ? 'none is ready' : describeError(cause)
    throw new TenfoldError('unavailable', `no web process answers: ${why}`, { cause })
  }
}
