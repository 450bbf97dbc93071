// The typed client of the control API: what the CLI, the tour and outside programs hold.

import { systemClock } from '../base/clock.ts'
import { type ErrorBody, type ErrorCode, errorCodes, TenfoldError } from '../base/errors.ts'
import { waitUntil } from '../base/limits.ts'
import type {
  ArchiveListing,
  CacheSummary,
  ControlEvents,
  DeadChoice,
  EdgeSummary,
  FaultKind,
  JobLife,
  ListedSalvage,
  LogLine,
  NodeMetrics,
  Plan,
  Purge,
  Purged,
  QueueAnswers,
  QueueSummary,
  Redriven,
  RotatedKeys,
  SalvagePage,
  SalvageReplay,
  SeenPlace,
  SeenSchedule,
  SeenSession,
  SeenStream,
  Status,
  Target,
} from './api.ts'

const callTimeoutMs = 30_000
/** The replay itself goes on when nobody waits for it any more. */
const replayTimeoutMs = 600_000
/** A supervisor that answers nothing for so long is not one that is being replaced. */
const absenceMsMax = 5000

export type ControlEvent = {
  [Name in keyof ControlEvents]: { name: Name; data: ControlEvents[Name] }
}[keyof ControlEvents]

export class ControlClient {
  readonly #url: string
  readonly #token: string

  /** `url` as in `status.urls.control`, e.g. `http://127.0.0.1:8070`. */
  constructor(url: string, token: string) {
    this.#url = url
    this.#token = token
  }

  status(): Promise<Status> {
    return this.#call('GET', '/api/status')
  }

  plan(target: Target): Promise<Plan> {
    return this.#call('POST', '/api/plan', target)
  }

  /** Begins; `conflict` when a climb already runs. */
  apply(target: Target): Promise<Plan> {
    return this.#call('POST', '/api/steps', target)
  }

  scale(role: 'front' | 'web' | 'worker', count: number): Promise<Plan> {
    return this.#call('POST', '/api/scale', { role, count })
  }

  /** Begins; to the replica that is least behind when none is named. */
  switchover(shard: string, to?: string): Promise<Plan> {
    return this.#call('POST', '/api/switchover', { shard, ...(to !== undefined && { to }) })
  }

  /** After migrations that ran beside the system: every process that answers has been told when this resolves. */
  schemaChanged(): Promise<{ version: number }> {
    return this.#call('POST', '/api/schema')
  }

  fault(kind: FaultKind, node: string): Promise<{ node: string; pid: number }> {
    return this.#call('POST', '/api/fault', { kind, node })
  }

  /** What can be restored, shard by shard. */
  async backups(): Promise<ArchiveListing[]> {
    return (await this.#call<{ shards: ArchiveListing[] }>('GET', '/api/backups')).shards
  }

  /** Begins base backups; `status().backup` tells when they are done. */
  beginBackup(shard?: string): Promise<{ shards: string[] }> {
    return this.#call('POST', '/api/backups', { ...(shard !== undefined && { shard }) })
  }

  /** Files of writes that a failover lost, the newest first. */
  async salvages(): Promise<ListedSalvage[]> {
    return (await this.#call<{ salvages: ListedSalvage[] }>('GET', '/api/salvages')).salvages
  }

  salvage(file: string, page: { after?: number; limit?: number } = {}): Promise<SalvagePage> {
    const search = new URLSearchParams()
    for (const [key, value] of Object.entries(page)) if (value !== undefined) search.set(key, String(value))
    return this.#call('GET', `/api/salvages/${encodeURIComponent(file)}?${search}`)
  }

  /** Of the newest file when none is named. What was replayed before is not replayed again. */
  replaySalvage(what: { file?: string; dryRun?: boolean }): Promise<SalvageReplay> {
    return this.#call('POST', '/api/salvages/replay', what, replayTimeoutMs)
  }

  /** Resolves when every front that answers has thrown it out; the others, in `pending`, find it before they serve again. */
  purge(purge: Purge): Promise<Purged> {
    return this.#call('POST', '/api/purges', purge)
  }

  /** Of a user, what was used last first. @throws not-built when the app's sessions are not ours. */
  async sessions(user: string): Promise<SeenSession[]> {
    return (await this.#call<{ sessions: SeenSession[] }>('GET', `/api/sessions?${new URLSearchParams({ user })}`))
      .sessions
  }

  /** All of a user, or one. They are over when it resolves. */
  revokeSessions(what: { user: string } | { id: string }): Promise<{ revoked: number }> {
    return this.#call('POST', '/api/sessions/revoke', what)
  }

  /**
   * A new key signs cookies; nobody is logged out, unless `dropsOld`. @throws conflict when too many old ones still have to
   * verify.
   */
  rotateCookieKey(options: { dropsOld?: boolean } = {}): Promise<RotatedKeys> {
    return this.#call('POST', '/api/sessions/rotate-key', options)
  }

  /** What each front keeps and gave from it since it started, and the sum of that. */
  edge(): Promise<EdgeSummary> {
    return this.#call('GET', '/api/edge')
  }

  /** What every process finds in its cache, by name, and what the shared nodes hold. */
  cache(): Promise<CacheSummary> {
    return this.#call('GET', '/api/cache')
  }

  /** Each queue: what waits, how fast it goes, what fails. */
  queue(): Promise<QueueSummary> {
    return this.#call('GET', '/api/queue')
  }

  /** Where a job is and what became of it so far. Without a queue it is looked for in all of them. */
  job(id: string, queue?: string): Promise<JobLife> {
    return this.#call('GET', `/api/queue/jobs/${encodeURIComponent(id)}${searchOf({ queue })}`)
  }

  /** Dead jobs, newest first. */
  deadJobs(page: { queue?: string; limit?: number; before?: string } = {}): Promise<QueueAnswers['dead']> {
    return this.#call('GET', `/api/queue/dead${searchOf(page)}`)
  }

  /** Publishes dead jobs again. What was is not published a second time: may be repeated. */
  redrive(choice: DeadChoice): Promise<Redriven> {
    return this.#call('POST', '/api/queue/redrive', choice)
  }

  /** Forgets dead jobs. */
  dropDead(choice: DeadChoice): Promise<{ dropped: number }> {
    return this.#call('POST', '/api/queue/drop', choice)
  }

  /** 'canceled': it is gone. 'asked': a worker has it, and its signal aborts. 'unknown': done, dead or never there. */
  cancelJob(queue: string, id: string): Promise<QueueAnswers['cancel']> {
    return this.#call('POST', '/api/queue/cancel', { queue, id })
  }

  async schedules(): Promise<SeenSchedule[]> {
    return (await this.#call<{ schedules: SeenSchedule[] }>('GET', '/api/queue/schedules')).schedules
  }

  async streams(): Promise<SeenStream[]> {
    return (await this.#call<{ streams: SeenStream[] }>('GET', '/api/queue/streams')).streams
  }

  /** Sends a group of a stream to a place. @throws not-found */
  async rewind(stream: string, group: string, to: SeenPlace): Promise<void> {
    await this.#call('POST', '/api/queue/rewind', { stream, group, to })
  }

  async logs(query: { node?: string; lines?: number; grep?: string } = {}): Promise<LogLine[]> {
    const search = new URLSearchParams()
    for (const [key, value] of Object.entries(query)) if (value !== undefined) search.set(key, String(value))
    return (await this.#call<{ lines: LogLine[] }>('GET', `/api/logs?${search}`)).lines
  }

  async metrics(): Promise<Record<string, NodeMetrics>> {
    return (await this.#call<{ nodes: Record<string, NodeMetrics> }>('GET', '/api/metrics')).nodes
  }

  /** Stops every node in order; answers when the supervisor is about to go. */
  down(): Promise<{ stopped: string[] }> {
    return this.#call('POST', '/api/down', undefined, 120_000)
  }

  /** Every event from now on, the present status first; ends when the signal aborts or the supervisor goes. */
  async *events(signal?: AbortSignal): AsyncGenerator<ControlEvent> {
    const response = await this.#fetch('GET', '/api/events', undefined, signal)
    let text = ''
    const decoder = new TextDecoder()
    for await (const chunk of response.body ?? []) {
      text += decoder.decode(chunk, { stream: true })
      for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
        const event = parseEvent(text.slice(0, end))
        text = text.slice(end + 2)
        if (event) yield event
      }
    }
  }

  /**
   * Resolves when no climb runs and every node is ready.
   * @throws step-failed with the reason when the climb under way gave up.
   */
  async waitIdle(options: { timeoutMs: number }): Promise<Status> {
    let lastAnswerMs = systemClock.monotonic()
    const status = await waitUntil(
      async () => {
        const status = await this.status().catch((error: TenfoldError) => {
          if (systemClock.monotonic() - lastAnswerMs < absenceMsMax) throw error
          return error
        })
        if (status instanceof Error) return status
        lastAnswerMs = systemClock.monotonic()
        if (status.climbing) return undefined
        const isReady = status.rung > 0 && status.nodes.every((node) => node.state === 'ready')
        return status.lastFailure !== null || isReady ? status : undefined
      },
      { what: 'the end of the climb', timeoutMs: options.timeoutMs, intervalMs: 100 },
    )
    if (status instanceof Error) throw status
    if (status.lastFailure !== null) throw new TenfoldError('step-failed', status.lastFailure)
    return status
  }

  async #call<T>(method: string, path: string, body?: unknown, timeoutMs = callTimeoutMs): Promise<T> {
    const response = await this.#fetch(method, path, body, AbortSignal.timeout(timeoutMs))
    return (await response.json()) as T
  }

  async #fetch(method: string, path: string, body: unknown, signal?: AbortSignal): Promise<Response> {
    let response: Response
    try {
      response = await fetch(`${this.#url}${path}`, {
        method,
        headers: {
          authorization: `Bearer ${this.#token}`,
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        ...(signal === undefined ? {} : { signal }),
      })
    } catch (error) {
      throw new TenfoldError('not-running', `no supervisor answers at ${this.#url}; start one with \`tenfold up\``, {
        cause: error,
      })
    }
    if (response.ok) return response
    const { error } = (await response.json().catch(() => ({ error: {} }))) as Partial<ErrorBody>
    const known = (errorCodes as readonly string[]).includes(error?.code ?? '')
    throw new TenfoldError(
      known ? (error?.code as ErrorCode) : 'unavailable',
      error?.message ?? `${method} ${path} answered ${response.status}`,
    )
  }
}

function searchOf(query: Record<string, string | number | undefined>): string {
  const search = new URLSearchParams()
  for (const [key, value] of Object.entries(query)) if (value !== undefined) search.set(key, String(value))
  return search.size === 0 ? '' : `?${search}`
}

function parseEvent(block: string): ControlEvent | undefined {
  let name = ''
  let data = ''
  for (const line of block.split('\n')) {
    if (line.startsWith('event: ')) name = line.slice(7)
    else if (line.startsWith('data: ')) data += line.slice(6)
  }
  return name && data ? ({ name, data: JSON.parse(data) } as ControlEvent) : undefined
}
