// Our connection to the servers: kept up for as long as the process lives, on whichever of them answers.
//
// The client connects again by itself after it was connected once; it gives up when a password is refused, and before the
// first success. So there is a loop of ours around it. Nothing is sent while there is no connection: what the client kept for
// later would be sent after its caller was told that it failed.

import type { JetStreamManager } from '@nats-io/jetstream'
import type { Msg, MsgHdrs, NatsConnection } from '@nats-io/transport-node'
import { backoffMs } from '../../../../base/backoff.ts'
import { systemClock } from '../../../../base/clock.ts'
import { describeError, TenfoldError } from '../../../../base/errors.ts'
import { withTimeout } from '../../../../base/limits.ts'
import { systemRandom } from '../../../../base/random.ts'
import { loadNatsClient } from '../../../../programs/nats/client.ts'
import { loadJetStreamClient } from './client.ts'
import type { JetStreamLimits, JetStreamQueueOptions, JetStreamServers } from './options.ts'

const retryMsMax = 2000

export interface LinkOptions extends JetStreamServers {
  log: JetStreamQueueOptions['log']
  limits: JetStreamLimits
}

/** All are called for each connection anew, and must not throw. */
export interface LinkListener {
  onUp?(connection: NatsConnection): void
  onDown?(): void
  /** What comes to our inbox, and messages of the stream that were asked for by it. */
  onMessage?(message: Msg): void
}

export class NatsLink {
  /** Answers come to subjects that begin so; each listener takes a letter of its own after it. */
  readonly inbox: string
  readonly #options: LinkOptions
  readonly #client: Awaited<ReturnType<typeof loadNatsClient>>
  readonly #jetstream: Awaited<ReturnType<typeof loadJetStreamClient>>
  readonly #listeners = new Set<LinkListener>()
  readonly #waiters = new Set<() => void>()
  readonly #closing = new AbortController()
  #connection: NatsConnection | undefined
  #manager: JetStreamManager | undefined
  #isUp = false
  #wasTold = false
  #keeping: Promise<void> = Promise.resolve()

  private constructor(
    options: LinkOptions,
    client: Awaited<ReturnType<typeof loadNatsClient>>,
    jetstream: Awaited<ReturnType<typeof loadJetStreamClient>>,
  ) {
    this.#options = options
    this.#client = client
    this.#jetstream = jetstream
    this.inbox = `${client.createInbox()}.`
  }

  /** Resolves after the first try, successful or not. @throws program-missing without the client, bad-input. */
  static async open(options: LinkOptions): Promise<NatsLink> {
    if (options.servers.length === 0) throw new TenfoldError('bad-input', 'a JetStream queue needs at least one server')
    const [client, jetstream] = await Promise.all([loadNatsClient(), loadJetStreamClient()])
    const link = new NatsLink(options, client, jetstream)
    const { promise, resolve } = Promise.withResolvers<void>()
    link.#keeping = link.#keepUp(resolve)
    await promise
    return link
  }

  get isUp(): boolean {
    return this.#isUp
  }

  /** The version of the server, once there was a connection. */
  get version(): string | undefined {
    return this.#connection?.info?.version
  }

  /** @throws unavailable at once when there is no connection. */
  get connection(): NatsConnection {
    if (!this.#isUp || !this.#connection) throw new TenfoldError('unavailable', 'no NATS server can be reached')
    return this.#connection
  }

  /** For what is made and looked at. Its calls have a deadline. @throws unavailable at once when there is no connection. */
  get manager(): JetStreamManager {
    void this.connection
    return this.#manager as JetStreamManager
  }

  headers(): MsgHdrs {
    return this.#client.headers()
  }

  /** The server says that what was asked for is not there: no such stream, consumer or message. */
  isNotThere(error: unknown): boolean {
    return error instanceof this.#jetstream.JetStreamApiError && error.status === 404
  }

  listen(listener: LinkListener): () => void {
    this.#listeners.add(listener)
    if (this.#isUp && this.#connection) listener.onUp?.(this.#connection)
    return () => this.#listeners.delete(listener)
  }

  /** Resolves when there is a connection, or after `ms`, or when it is closed. */
  async whenUp(ms: number): Promise<boolean> {
    if (this.#isUp || this.#closing.signal.aborted) return this.#isUp
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#waiters.add(resolve)
    const timer = setTimeout(resolve, ms)
    await promise
    clearTimeout(timer)
    this.#waiters.delete(resolve)
    return this.#isUp
  }

  /** May be called twice. What is under way is refused. */
  async close(): Promise<void> {
    this.#closing.abort()
    this.#goDown()
    for (const wake of this.#waiters) wake()
    const { connectMsMax } = this.#options.limits
    await withTimeout(this.#connection?.close() ?? Promise.resolve(), connectMsMax, 'closing NATS').catch(() => {})
    await this.#keeping
  }

  async #keepUp(onFirstTry: () => void): Promise<void> {
    const { signal } = this.#closing
    const { reconnectMs } = this.#options.limits
    for (let attempt = 0; !signal.aborted; attempt++) {
      try {
        const connection = await this.#connect()
        attempt = 0
        onFirstTry()
        const error = await connection.closed()
        if (error) this.#tell(error)
      } catch (error) {
        this.#tell(error)
      }
      this.#goDown()
      onFirstTry()
      const pauseMs = backoffMs(attempt + 1, { baseMs: reconnectMs, capMs: retryMsMax }, systemRandom)
      await systemClock.sleep(Math.max(reconnectMs, pauseMs), signal)
    }
  }

  async #connect(): Promise<NatsConnection> {
    const { servers, username, password, limits } = this.#options
    const connection = await this.#client.connect({
      servers: servers.map(({ address, port }) => `${address}:${port}`),
      user: username,
      pass: password,
      timeout: limits.connectMsMax,
      pingInterval: limits.pingMs,
      maxPingOut: 2,
      reconnect: true,
      maxReconnectAttempts: -1,
      reconnectTimeWait: limits.reconnectMs,
      reconnectJitter: limits.reconnectMs,
      ignoreAuthErrorAbort: true,
      // What servers tell of each other may be names of another network than ours.
      ignoreClusterUpdates: true,
      noAsyncTraces: true,
    })
    if (this.#closing.signal.aborted) {
      await connection.close()
      throw new TenfoldError('closed', 'the queue is closed')
    }
    connection.subscribe(`${this.inbox}>`, {
      callback: (error, message) => {
        if (!error) for (const listener of this.#listeners) listener.onMessage?.(message)
      },
    })
    this.#connection = connection
    this.#manager = await this.#jetstream.jetstreamManager(connection, {
      checkAPI: false,
      timeout: limits.callMsMax,
    })
    void this.#follow(connection)
    this.#goUp()
    return connection
  }

  async #follow(connection: NatsConnection): Promise<void> {
    for await (const { type } of connection.status()) {
      if (connection !== this.#connection) return
      if (type === 'disconnect') this.#goDown()
      if (type === 'reconnect') this.#goUp()
    }
  }

  #goUp(): void {
    if (this.#isUp || this.#closing.signal.aborted) return
    this.#isUp = true
    this.#wasTold = false
    for (const wake of this.#waiters) wake()
    for (const listener of this.#listeners) listener.onUp?.(this.connection)
  }

  #goDown(): void {
    if (!this.#isUp) return
    this.#isUp = false
    for (const listener of this.#listeners) listener.onDown?.()
  }

  /** Once for each time that it is down. */
  #tell(error: unknown): void {
    if (this.#wasTold || this.#closing.signal.aborted) return
    this.#wasTold = true
    this.#options.log.warn({ err: error }, `no NATS server can be reached: ${describeError(error)}`)
  }
}
