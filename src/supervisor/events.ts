// What happened, for people: kept in memory for whoever looks next, handed to whoever listens now, and logged.

import type { Logger } from 'pino'
import { systemClock } from '../base/clock.ts'

export interface SystemEvent {
  at: string
  level: 'info' | 'warn' | 'error'
  message: string
  node?: string
  step?: string
}

const keptMax = 200

export class EventLog {
  readonly #log: Logger
  #kept: SystemEvent[] = []
  #listeners = new Set<(event: SystemEvent) => void>()

  constructor(log: Logger) {
    this.#log = log
  }

  emit(level: SystemEvent['level'], message: string, about: { node?: string; step?: string } = {}): void {
    const event: SystemEvent = { at: new Date(systemClock.now()).toISOString(), level, message, ...about }
    this.#log[level](about, message)
    this.#kept.push(event)
    if (this.#kept.length > keptMax) this.#kept.shift()
    for (const listener of this.#listeners) listener(event)
  }

  /** The newest events, oldest first. */
  recent(): readonly SystemEvent[] {
    return this.#kept
  }

  subscribe(listener: (event: SystemEvent) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }
}
