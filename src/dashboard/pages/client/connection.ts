// Keeps one event stream open: reconnects with backoff, and says when it is lost and when the next attempt comes.

import type { Progress, Status, SystemEvent } from '../../../control/api.ts'
import { readEvents, type StreamEvent, UnauthorizedError } from './event-stream.ts'

export type ConnectionState = { kind: 'connecting' } | { kind: 'open' } | { kind: 'lost'; retryAt: number }

export interface ConnectionHandlers {
  onState(state: ConnectionState): void
  onStatus(status: Status): void
  onEvent(event: SystemEvent): void
  onProgress(progress: Progress | null): void
  onUnauthorized(): void
}

export interface Connection {
  /** Cuts a wait short. */
  retryNow(): void
  /** Gives up a stream that is open but dead, and connects again. */
  reconnect(): void
  close(): void
}

const retryMs = { least: 400, most: 8000 }

export function openConnection(url: string, token: string, handlers: ConnectionHandlers): Connection {
  const closing = new AbortController()
  let stream = new AbortController()
  let endWait = () => {}
  let failures = 0

  async function run(): Promise<void> {
    while (!closing.signal.aborted) {
      if (failures === 0) handlers.onState({ kind: 'connecting' })
      stream = new AbortController()
      try {
        await readEvents(url, {
          token,
          signal: AbortSignal.any([closing.signal, stream.signal]),
          onOpen() {
            failures = 0
            handlers.onState({ kind: 'open' })
          },
          onEvent: (event) => dispatch(event, handlers),
        })
      } catch (error) {
        if (error instanceof UnauthorizedError) return handlers.onUnauthorized()
      }
      if (closing.signal.aborted) return
      const waitMs = retryDelayMs(failures++)
      handlers.onState({ kind: 'lost', retryAt: Date.now() + waitMs })
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, waitMs)
        endWait = () => {
          clearTimeout(timer)
          resolve()
        }
      })
    }
  }

  void run()
  return {
    retryNow: () => endWait(),
    reconnect: () => stream.abort(),
    close() {
      closing.abort()
      endWait()
    },
  }
}

/** Doubles up to the cap; the jitter keeps many open pages from knocking together at a supervisor that returns. */
function retryDelayMs(failures: number): number {
  const ceiling = Math.min(retryMs.most, retryMs.least * 2 ** Math.min(failures, 10))
  return ceiling * (0.5 + Math.random() / 2)
}

function dispatch({ name, data }: StreamEvent, handlers: ConnectionHandlers): void {
  if (name === 'status') handlers.onStatus(JSON.parse(data) as Status)
  if (name === 'event') handlers.onEvent(JSON.parse(data) as SystemEvent)
  if (name === 'progress') handlers.onProgress(JSON.parse(data) as Progress | null)
}
