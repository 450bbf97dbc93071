// One connection of the supervisor to one server. Every call has a deadline; a server that hangs is an error, not a wait.

import { describeError, TenfoldError } from '../../base/errors.ts'
import { withTimeout } from '../../base/limits.ts'
import { loadRedisClient, openRedisClient, type RedisClient } from './client.ts'
import type { RedisAddress, RedisSecrets } from './contract.ts'

const timeoutMsDefault = 2000

export interface AdminOptions extends RedisAddress {
  secrets: RedisSecrets
  timeoutMs?: number
}

export class RedisAdmin {
  readonly address: string
  readonly port: number
  readonly #client: RedisClient
  readonly #timeoutMs: number

  private constructor(client: RedisClient, { address, port, timeoutMs = timeoutMsDefault }: AdminOptions) {
    this.#client = client
    this.address = address
    this.port = port
    this.#timeoutMs = timeoutMs
  }

  /** @throws unavailable when nobody listens or it still loads its data, unauthorized, timeout. */
  static async connect(options: AdminOptions): Promise<RedisAdmin> {
    const { address, port, secrets, timeoutMs = timeoutMsDefault } = options
    const client = openRedisClient(await loadRedisClient(), {
      username: 'admin',
      password: secrets.admin,
      socket: { host: address, port, connectTimeout: timeoutMs, reconnectStrategy: false },
      disableOfflineQueue: true,
    })
    client.on('error', () => {}) // told by the call that it met
    const admin = new RedisAdmin(client, options)
    try {
      await withTimeout(client.connect(), timeoutMs, `connecting to Redis at ${address}:${port}`)
      return admin
    } catch (error) {
      admin.close()
      throw admin.#explain(error, 'connect')
    }
  }

  /** @throws program-failed with what the server says, unavailable, timeout. */
  async command(...args: [string, ...Array<string | number>]): Promise<unknown> {
    try {
      const what = `${args[0]} at Redis ${this.address}:${this.port}`
      return await withTimeout(this.#client.sendCommand(args.map(String)), this.#timeoutMs, what)
    } catch (error) {
      throw this.#explain(error, args[0])
    }
  }

  /** INFO as names and values. */
  async info(section: string): Promise<ReadonlyMap<string, string>> {
    const text = String(await this.command('INFO', section))
    return new Map(
      text
        .split('\r\n')
        .filter((line) => line.includes(':'))
        .map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1)]),
    )
  }

  /** May be called twice. */
  close(): void {
    // A connection that is not there (any more) has nothing to destroy, and the client says so by an error.
    if (this.#client.isOpen) this.#client.destroy()
  }

  [Symbol.dispose](): void {
    this.close()
  }

  #explain(error: unknown, what: string): TenfoldError {
    if (error instanceof TenfoldError) return error
    const at = `Redis at ${this.address}:${this.port}`
    const said = describeError(error)
    if (/^(WRONGPASS|NOAUTH|NOPERM)/.test(said))
      return new TenfoldError('unauthorized', `${at} refuses ${what}: ${said}`, { cause: error })
    if (/^[A-Z]+ /.test(said) && !/^(LOADING|ECONN|EPIPE)/.test(said))
      return new TenfoldError('program-failed', `${at} refuses ${what}: ${said}`, { cause: error })
    return new TenfoldError('unavailable', `${at} does not answer ${what}: ${said}`, { cause: error })
  }
}
