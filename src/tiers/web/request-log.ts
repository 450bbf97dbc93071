// The logger of one request. Most requests never log a line, so the child that carries the request's id and trace is
// made with the first one.

import type { IncomingMessage } from 'node:http'
import type { FastifyBaseLogger } from 'fastify'
import { traceIdOf } from './request-id.ts'

export class RequestLog {
  readonly #parent: FastifyBaseLogger
  readonly #requestId: string
  readonly #raw: IncomingMessage
  #child: FastifyBaseLogger | undefined

  constructor(parent: FastifyBaseLogger, requestId: string, raw: IncomingMessage) {
    this.#parent = parent
    this.#requestId = requestId
    this.#raw = raw
  }

  get level(): string {
    return this.#parent.level
  }

  set level(level: string) {
    this.#log.level = level
  }

  fatal(...line: [unknown, ...unknown[]]): void {
    this.#write('fatal', line)
  }

  error(...line: [unknown, ...unknown[]]): void {
    this.#write('error', line)
  }

  warn(...line: [unknown, ...unknown[]]): void {
    this.#write('warn', line)
  }

  info(...line: [unknown, ...unknown[]]): void {
    this.#write('info', line)
  }

  debug(...line: [unknown, ...unknown[]]): void {
    this.#write('debug', line)
  }

  trace(...line: [unknown, ...unknown[]]): void {
    this.#write('trace', line)
  }

  silent(): void {}

  child(...of: Parameters<FastifyBaseLogger['child']>): FastifyBaseLogger {
    return this.#log.child(...of)
  }

  #write(level: 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace', line: [unknown, ...unknown[]]): void {
    this.#log[level](...(line as [object, string]))
  }

  get #log(): FastifyBaseLogger {
    const traceId = this.#child ? undefined : traceIdOf(this.#raw)
    this.#child ??= this.#parent.child({ requestId: this.#requestId, ...(traceId && { traceId }) })
    return this.#child
  }
}
