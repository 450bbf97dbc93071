// Everything the page knows about the running system, kept current: the event stream, and metrics each second.

import { useEffect, useMemo, useRef, useState } from 'preact/hooks'
import type { NodeMetrics, Progress, Status, SystemEvent } from '../../../control/api.ts'
import { ControlClient } from '../../../control/client.ts'
import { type Connection, type ConnectionState, openConnection } from '../client/connection.ts'
import { type Point, withPoint } from './history.ts'

export interface FeedEvent extends SystemEvent {
  /** Counts up; the list's key. */
  number: number
}

export interface System {
  client: ControlClient
  connection: ConnectionState
  retryNow: () => void
  /** Null until the first one has come. */
  status: Status | null
  progress: Progress | null
  events: readonly FeedEvent[]
  metrics: Readonly<Record<string, NodeMetrics>>
  history: readonly Point[]
}

const eventsMax = 300
const metricsIntervalMs = 1000
/** So many polls in a row must fail before an open stream counts as dead (a supervisor that is stopped, not gone). */
const failedPollsMax = 4

export function useSystem(token: string, onUnauthorized: () => void): System {
  const client = useMemo(() => new ControlClient(location.origin, token), [token])
  const [connection, setConnection] = useState<ConnectionState>({ kind: 'connecting' })
  const [status, setStatus] = useState<Status | null>(null)
  const [progress, setProgress] = useState<Progress | null>(null)
  const [events, setEvents] = useState<readonly FeedEvent[]>([])
  const [history, setHistory] = useState<readonly Point[]>([])
  const stream = useRef<Connection | null>(null)

  useEffect(() => {
    let number = 0
    const open = openConnection('/api/events', token, {
      onState: setConnection,
      onStatus(next) {
        setStatus(next)
        setProgress(next.climbing)
      },
      onProgress: setProgress,
      onEvent: (event) =>
        setEvents((before) =>
          before.some((known) => isSame(known, event))
            ? before
            : [{ ...event, number: number++ }, ...before.slice(0, eventsMax - 1)],
        ),
      onUnauthorized,
    })
    stream.current = open
    return () => open.close()
  }, [token])

  useEffect(() => {
    if (connection.kind !== 'open') return
    let failed = 0
    let isAsking = false
    const timer = setInterval(async () => {
      if (isAsking || document.hidden) return
      isAsking = true
      try {
        const nodes = await client.metrics()
        failed = 0
        setHistory((before) => withPoint(before, { at: Date.now(), nodes }))
      } catch {
        if (++failed >= failedPollsMax) stream.current?.reconnect()
      }
      isAsking = false
    }, metricsIntervalMs)
    return () => clearInterval(timer)
  }, [client, connection.kind])

  return {
    client,
    connection,
    retryNow: () => stream.current?.retryNow(),
    status,
    progress,
    events,
    metrics: history.at(-1)?.nodes ?? {},
    history,
  }
}

/** A stream begins with the recent events; after a reconnect most of them are known. */
function isSame(a: SystemEvent, b: SystemEvent): boolean {
  return a.at === b.at && a.message === b.message && a.node === b.node
}
