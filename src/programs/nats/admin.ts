// One connection of the supervisor to one server, in the system account. Every call has a deadline; a server that hangs is
// an error, not a wait.

import { describeError, TenfoldError } from '../../base/errors.ts'
import { withTimeout } from '../../base/limits.ts'
import { loadNatsClient } from './client.ts'
import type { NatsAddress, NatsSecrets } from './contract.ts'

const timeoutMsDefault = 2000

export interface NatsAdminOptions extends NatsAddress {
  secrets: NatsSecrets
  timeoutMs?: number
}

type Connection = Awaited<ReturnType<Awaited<ReturnType<typeof loadNatsClient>>['connect']>>

/** What a server says of its streams. */
export interface JetStreamFigures {
  streams: number
  consumers: number
  messages: number
  bytes: number
  bytesMax: number
  /** Of a cluster: the name of the server that decides about streams; empty while nobody does. */
  leader: string | undefined
}

export class NatsAdmin {
  readonly #connection: Connection
  readonly #at: string
  readonly #timeoutMs: number

  private constructor(connection: Connection, { address, port, timeoutMs = timeoutMsDefault }: NatsAdminOptions) {
    this.#connection = connection
    this.#at = atOf({ address, port })
    this.#timeoutMs = timeoutMs
  }

  /** @throws unavailable when nobody listens, unauthorized, timeout. */
  static async connect(options: NatsAdminOptions): Promise<NatsAdmin> {
    const { address, port, secrets, timeoutMs = timeoutMsDefault } = options
    const { connect } = await loadNatsClient()
    try {
      const connection = await connect({
        servers: `${address}:${port}`,
        user: 'admin',
        pass: secrets.admin,
        timeout: timeoutMs,
        reconnect: false,
        ignoreClusterUpdates: true,
      })
      // Told by the call that it met.
      void connection.closed().catch(() => {})
      return new NatsAdmin(connection, options)
    } catch (error) {
      throw explain(error, `Connecting to ${atOf(options)}`)
    }
  }

  get serverName(): string {
    return this.#connection.info?.server_name ?? ''
  }

  get version(): string {
    return this.#connection.info?.version ?? ''
  }

  /** Undefined when it has caught up with its cluster and serves every stream that it has a copy of; else why not. */
  async trouble(): Promise<string | undefined> {
    const { status = '', error = 'it does not say why' } = await this.#ask<{ status: string; error: string }>('HEALTHZ')
    if (status !== 'ok') return error
    // It also calls itself well before the servers of its cluster have agreed on anything.
    return (await this.figures()).leader === '' ? 'the servers of its cluster have not agreed on a leader' : undefined
  }

  async figures(): Promise<JetStreamFigures> {
    const { config, meta_cluster, ...found } = await this.#ask<{
      streams?: number
      consumers?: number
      messages?: number
      bytes?: number
      config?: { max_storage?: number }
      meta_cluster?: { leader?: string }
    }>('JSZ')
    const { streams = 0, consumers = 0, messages = 0, bytes = 0 } = found
    return {
      ...{ streams, consumers, messages, bytes, bytesMax: config?.max_storage ?? 0 },
      leader: meta_cluster && (meta_cluster.leader ?? ''),
    }
  }

  /** May be called twice. */
  async close(): Promise<void> {
    await withTimeout(this.#connection.close(), this.#timeoutMs, `closing ${this.#at}`).catch(() => {})
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #ask<Answer extends object>(what: string): Promise<Partial<Answer>> {
    const subject = `$SYS.REQ.SERVER.${this.#connection.info?.server_id}.${what}`
    try {
      const answer = await this.#connection.request(subject, '', { timeout: this.#timeoutMs })
      const { data = {}, error } = answer.json<{ data?: Partial<Answer>; error?: { description?: string } }>()
      if (error) throw new TenfoldError('program-failed', `${this.#at} refuses ${what}: ${error.description}`)
      return data
    } catch (error) {
      throw explain(error, `${what} of ${this.#at}`)
    }
  }
}

function atOf({ address, port }: NatsAddress): string {
  return `NATS at ${address}:${port}`
}

function explain(error: unknown, what: string): TenfoldError {
  if (error instanceof TenfoldError) return error
  const said = describeError(error)
  const name = error instanceof Error ? error.name : ''
  if (/^(AuthorizationError|PermissionViolationError)$/.test(name))
    return new TenfoldError('unauthorized', `${what}: refused: ${said}`, { cause: error })
  if (name === 'TimeoutError') return new TenfoldError('timeout', `${what}: no answer: ${said}`, { cause: error })
  return new TenfoldError('unavailable', `${what}: ${said}`, { cause: error })
}
