// A link: our one connection to one server, and what keeps a server that is dead or hangs from becoming our problem.
//
// Up: calls go out, each with a deadline. Silent: a deadline passed and nothing was answered since; calls are refused at
// once, and the first answer, however late, ends it, so that a server that paused for a moment (a slow disk, a fork) costs
// that moment. Down: the connection is lost, or was silent for `hangMsMax`; calls are refused while the link tries to
// connect in the background. This is a circuit breaker without a half-open state for callers to suffer: the calls under
// way, and then the handshake of the next connection, are the probes.
//
// The client's own queue and reconnecting are off, since they keep calls for a server that may never come back.

import { backoffMs } from '../../../../base/backoff.ts'
import { systemClock } from '../../../../base/clock.ts'
import { describeError, TenfoldError } from '../../../../base/errors.ts'
import { withTimeout } from '../../../../base/limits.ts'
import { type Random, systemRandom } from '../../../../base/random.ts'
import {
  loadRedisClient,
  openRedisClient,
  type RedisClient,
  type RedisModule,
} from '../../../../programs/redis/client.ts'
import type { RedisAddress } from '../../../../programs/redis/contract.ts'
import type { RedisCacheLimits } from './options.ts'

/** What can be sent: words and bytes. What comes back: bytes, whole numbers, null, lists of these. */
export type Send = (args: ReadonlyArray<string | Buffer>) => Promise<unknown>

export interface LinkOptions {
  /** Where the server is now. Asked before each try to connect. */
  locate(): Promise<RedisAddress>
  username: string
  password: string
  limits: RedisCacheLimits
  /** On a new connection, before anybody else uses it. When it throws, the link stays down. */
  prepare?(send: Send): Promise<void>
  /** Each time a connection can be used. */
  onUp?(): void
  /** Each time it was up and is not any more. */
  onDown?(): void
  /** The server answers, and lets us not in (a wrong password): said once until it does, since trying again does not help. */
  onRefused?(error: Error, server: RedisAddress): void
  /** The server's `invalidate` messages: a key, or null for all. `prepare` has to ask for them (CLIENT TRACKING). */
  onInvalidate?(key: Buffer | null): void
  random?: Random
}

interface Call {
  until: number
  giveUp(): void
}

interface Connection {
  client: RedisClient
  /** Calls that were sent and not answered, those that were given up too: the server, and the client's queue, have them still. */
  unanswered: number
  /** Resolves when it is no use any more. */
  lost: Promise<void>
  lose(): void
}

/** `run`: of the server, which starts to number anew when it is started anew. */
interface Session {
  id: string
  run: string
}

export class RedisLink {
  readonly #options: LinkOptions
  readonly #module: RedisModule
  readonly #random: Random
  readonly #closing = new AbortController()
  /** In the order of their deadlines, since all have the same time. */
  readonly #calls = new Set<Call>()
  #timer: NodeJS.Timeout | undefined
  #connection: Connection | undefined
  #answeredAt = 0
  #silentSince: number | undefined
  #upSince = 0
  /** The connection before, as the server knows it. */
  #former: Session | undefined
  #wasDown = false
  #isRefused = false
  #keeping: Promise<void> = Promise.resolve()

  private constructor(module: RedisModule, options: LinkOptions) {
    this.#module = module
    this.#options = options
    this.#random = options.random ?? systemRandom
  }

  /** Resolves after the first try to connect, successful or not: a server that is down at the start is a miss, too. */
  static async open(options: LinkOptions): Promise<RedisLink> {
    const link = new RedisLink(await loadRedisClient(), options)
    const { promise, resolve } = Promise.withResolvers<void>()
    link.#keeping = link.#keepUp(resolve)
    await promise
    return link
  }

  get isUp(): boolean {
    return this.#connection !== undefined
  }

  /** How long it has been up since it was down; endless when it never was. */
  get backForMs(): number {
    return this.#wasDown ? systemClock.monotonic() - this.#upSince : Number.POSITIVE_INFINITY
  }

  /**
   * @throws unavailable at once when it is down or silent, overloaded at once when too many calls are unanswered, timeout within
   * `callMsMax`, and what the server says (`isServerError`). After a timeout, or unavailable while it was under way, a
   * write may have happened, and may still.
   */
  send(args: ReadonlyArray<string | Buffer>): Promise<unknown> {
    const connection = this.#connection
    const { callMsMax, callsMax } = this.#options.limits
    if (connection === undefined) return Promise.reject(new TenfoldError('unavailable', 'the Redis server is down'))
    if (connection.unanswered >= callsMax)
      return Promise.reject(new TenfoldError('overloaded', `${callsMax} calls to one Redis server are unanswered`))
    if (this.#silentSince !== undefined)
      return Promise.reject(new TenfoldError('unavailable', 'the Redis server does not answer'))
    return new Promise((resolve, reject) => {
      const call: Call = {
        until: systemClock.monotonic() + callMsMax,
        giveUp: () => reject(new TenfoldError('timeout', `Redis took longer than ${callMsMax} ms`)),
      }
      this.#calls.add(call)
      connection.unanswered++
      if (this.#timer === undefined) this.#watch(callMsMax)
      connection.client.sendCommand(args as Array<string | Buffer>).then(
        (answer) => {
          connection.unanswered--
          this.#calls.delete(call)
          this.#heard(connection)
          resolve(answer)
        },
        (error: unknown) => {
          connection.unanswered--
          this.#calls.delete(call)
          if (!this.isServerError(error))
            return reject(new TenfoldError('unavailable', `the Redis server went away: ${describeError(error)}`))
          this.#heard(connection)
          reject(error)
        },
      )
    })
  }

  /** An answer of the server, as against none. */
  isServerError(error: unknown): error is Error {
    return error instanceof this.#module.ErrorReply
  }

  /** Gives the connection up and connects anew, perhaps to somewhere else. */
  reconnect(): void {
    const connection = this.#connection
    if (connection === undefined) return
    this.#connection = undefined
    destroy(connection.client)
    connection.lose()
    this.#options.onDown?.()
  }

  /** Calls under way are refused. May be called twice. */
  async close(): Promise<void> {
    this.#closing.abort()
    this.reconnect()
    clearTimeout(this.#timer)
    await this.#keeping
  }

  async #keepUp(onFirstTry: () => void): Promise<void> {
    const { reconnectMsMin, reconnectMsMax } = this.#options.limits
    const { signal } = this.#closing
    for (let attempt = 0; !signal.aborted; attempt++) {
      const connection = await this.#connect().catch(() => undefined)
      onFirstTry()
      if (connection) {
        attempt = 0
        await connection.lost
      }
      this.#wasDown = true
      const pauseMs = backoffMs(attempt + 1, { baseMs: reconnectMsMin, capMs: reconnectMsMax }, this.#random)
      await systemClock.sleep(Math.max(reconnectMsMin, pauseMs), signal)
    }
  }

  async #connect(): Promise<Connection> {
    const { connectMsMax } = this.#options.limits
    const { address, port } = await withTimeout(this.#options.locate(), connectMsMax, 'finding the Redis server')
    const client = this.#createClient(address, port)
    const { promise: lost, resolve: lose } = Promise.withResolvers<void>()
    const connection: Connection = { client, unanswered: 0, lost, lose }
    const onEnd = () => {
      if (this.#connection === connection) this.reconnect()
    }
    client.on('error', onEnd)
    client.on('end', onEnd)
    client.on('invalidate', (key: Buffer | null) => this.#options.onInvalidate?.(key))
    const open = async () => {
      await client.connect()
      if (!this.#options.onInvalidate) await this.#endFormer(client)
      await this.#options.prepare?.((args) => client.sendCommand(args as Array<string | Buffer>))
    }
    try {
      await withTimeout(open(), connectMsMax, `connecting to Redis at ${address}:${port}`)
      if (this.#closing.signal.aborted || !client.isReady) throw new TenfoldError('closed', 'the connection is closed')
    } catch (error) {
      destroy(client)
      this.#noteRefusal(error, { address, port })
      throw error
    }
    this.#isRefused = false
    this.#silentSince = undefined
    this.#upSince = systemClock.monotonic()
    this.#answeredAt = this.#upSince
    this.#connection = connection
    this.#options.onUp?.()
    return connection
  }

  #noteRefusal(error: unknown, server: RedisAddress): void {
    // One that reads its log of writes says so until it has.
    if (this.#isRefused || !this.isServerError(error) || error.message.startsWith('LOADING')) return
    this.#isRefused = true
    this.#options.onRefused?.(error, server)
  }

  /**
   * What was sent on the connection before may still be on its way, and would be done after what comes on this one: a
   * value that was replaced meanwhile would come back. So the server ends the former one first, if it is the same server.
   */
  async #endFormer(client: RedisClient): Promise<void> {
    const [id, info] = await Promise.all([client.sendCommand(['CLIENT', 'ID']), client.sendCommand(['INFO', 'server'])])
    const run = /run_id:(\w+)/.exec(String(info))?.[1] ?? ''
    if (this.#former?.run === run) {
      const killing = client.sendCommand(['CLIENT', 'KILL', 'ID', this.#former.id])
      await killing.catch((error: unknown) => {
        // A server whose users are not ours may not allow it. When there was no answer, the next connection ends the former one.
        if (!this.isServerError(error)) throw error
      })
    }
    this.#former = { id: String(id), run }
  }

  #createClient(host: string, port: number): RedisClient {
    return openRedisClient(this.#module, {
      RESP: 3,
      username: this.#options.username,
      password: this.#options.password,
      socket: {
        host,
        port,
        connectTimeout: this.#options.limits.connectMsMax,
        reconnectStrategy: false,
        noDelay: true,
      },
      disableOfflineQueue: true,
      emitInvalidate: this.#options.onInvalidate !== undefined,
      // Without the client's own time-out, which makes an AbortSignal for each command: `send` has one timer for all.
      commandOptions: { timeout: 0, typeMapping: { [this.#module.RESP_TYPES.BLOB_STRING]: Buffer } },
    })
  }

  /** One timer for all calls. */
  #watch(ms: number): void {
    this.#timer = setTimeout(() => {
      // After our own process was busy, timers run before the answers that lie in the socket are read: those come first.
      setImmediate(() => this.#giveUpLate())
    }, ms)
    this.#timer.unref()
  }

  #heard(connection: Connection): void {
    if (connection !== this.#connection) return
    this.#answeredAt = systemClock.monotonic()
    this.#silentSince = undefined
  }

  #giveUpLate(): void {
    this.#timer = undefined
    const { callMsMax, hangMsMax } = this.#options.limits
    const now = systemClock.monotonic()
    for (const call of this.#calls) {
      if (call.until > now) break
      this.#calls.delete(call)
      call.giveUp()
      // Answers come in the order of the calls: one after this call was sent says that the server works on what it was sent.
      const sentAt = call.until - callMsMax
      if (this.#answeredAt < sentAt) this.#silentSince ??= sentAt
    }
    if (this.#silentSince !== undefined && now - this.#silentSince >= hangMsMax) this.reconnect()
    const [next] = this.#calls
    const lookAgainMs = Math.min(
      next ? next.until - now : Number.POSITIVE_INFINITY,
      this.isUp && this.#silentSince !== undefined ? this.#silentSince + hangMsMax - now : Number.POSITIVE_INFINITY,
    )
    if (Number.isFinite(lookAgainMs) && !this.#closing.signal.aborted) this.#watch(Math.max(1, lookAgainMs))
  }
}

function destroy(client: RedisClient): void {
  try {
    client.destroy()
  } catch {
    // It was closed already, and says so.
  }
}
