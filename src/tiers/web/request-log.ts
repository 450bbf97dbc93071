// The logger of one request. Most requests never log a line, so the child that carries the request's id and trace is
// made with the first one.

import type { FastifyBaseLogger, FastifyRequest } from 'fastify'
import { traceIdOf } from './request-id.ts'

export class RequestLog implements FastifyBaseLogger {
  readonly #parent: FastifyBaseLogger
  readonly #request: FastifyRequest
  #child: FastifyBaseLogger | undefined

  constructor(parent: FastifyBaseLogger, request: FastifyRequest) {
    this.#parent = parent
    this.#request = request
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
    if (this.#child) return this.#child
    const { id: requestId } = this.#request
    const traceId = traceIdOf(this.#request)
    this.#child = this.#parent.child(traceId === undefined ? { requestId } : { requestId, traceId })
    return this.#child
  }
}
