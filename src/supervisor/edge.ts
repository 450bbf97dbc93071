// The edge as a whole: what is thrown out is thrown out at every front, and what they did is summed up.

import { waitUntil } from '../base/limits.ts'
import { type MapNode, nodesOf } from '../map/map.ts'
import { DoorClient } from '../processes/door/client.ts'
import { type LoggedPurge, PurgeLog } from '../processes/purges/purge-log.ts'
import type { EdgeReport, Purge } from '../tiers/edge/contract.ts'
import type { System } from './system.ts'

/** A front that stands still is killed by the watch long before. */
const settleTimeoutMs = 30_000
/** Purges that are waited for like this at once; of more, the fronts find the rest in the log. */
const settlingMax = 100

export interface Purged {
  /** Of this purge among all. */
  position: number
  /** Kept answers that it meant, at all fronts. */
  objects: number
  /** Fronts at which it has taken effect. */
  nodes: string[]
  /** Fronts that did not answer: they find it in the log, before they serve again or within a second. */
  pending: string[]
}

export interface EdgeSummary {
  total: EdgeReport
  nodes: Record<string, EdgeReport>
}

export class EdgeControl {
  readonly #system: Pick<System, 'home' | 'keeper' | 'events'>
  readonly #log: PurgeLog
  #closing = new AbortController()
  #settling = 0

  constructor(system: Pick<System, 'home' | 'keeper' | 'events'>) {
    this.#system = system
    this.#log = new PurgeLog(system.home.purges)
  }

  /** On disk first, so that it happens whatever fails now. May be repeated. @throws overloaded, disk-full */
  async purge(purge: Purge): Promise<Purged> {
    const logged = await this.#log.append(purge)
    const done: Purged = { position: logged.position, objects: 0, nodes: [], pending: [] }
    await Promise.all(
      this.#fronts().map(async ({ id }) => {
        try {
          done.objects += (await this.#door(id).purge(logged)).objects
          done.nodes.push(id)
        } catch {
          done.pending.push(id)
        }
      }),
    )
    // A front that was told early may have fetched the old answer since, from one that was told late.
    if (done.nodes.length > 1)
      await this.#tellAgain(
        logged,
        done.nodes.map((id) => ({ id })),
      )
    const { events } = this.#system
    events.emit('info', `purged ${describePurge(purge)}: ${done.objects} answers at ${done.nodes.length} fronts`)
    if (done.pending.length > 0) {
      events.emit('warn', `not heard of the purge yet: ${done.pending.join(', ')}`)
      void this.#settle(logged, done.pending)
    }
    return done
  }

  /** Of the fronts that answer and have an edge. */
  async report(): Promise<EdgeSummary> {
    const nodes: Record<string, EdgeReport> = {}
    await Promise.all(
      this.#fronts().map(async ({ id }) => {
        const report = await this.#door(id)
          .edgeReport()
          .catch(() => null)
        if (report) nodes[id] = report
      }),
    )
    return { total: sumReports(Object.values(nodes)), nodes }
  }

  async close(): Promise<void> {
    this.#closing.abort()
    this.#closing = new AbortController()
    await this.#log.close()
  }

  async #tellAgain(logged: LoggedPurge, fronts: ReadonlyArray<{ id: string }>): Promise<void> {
    await Promise.allSettled(fronts.map(({ id }) => this.#door(id).purge(logged, { again: true })))
  }

  /** Fronts that stood still may have given the old answer to others when they woke: the last round comes after that. */
  async #settle(logged: LoggedPurge, pending: string[]): Promise<void> {
    if (this.#settling >= settlingMax) return
    this.#settling++
    const all = async () => {
      const left = this.#fronts().filter(({ id }) => pending.includes(id))
      await Promise.all(left.map(({ id }) => this.#door(id).purge(logged)))
      return true
    }
    const heard = {
      what: 'the purge at every front',
      timeoutMs: settleTimeoutMs,
      intervalMs: 250,
      signal: this.#closing.signal,
    }
    await waitUntil(all, heard).then(
      () => this.#tellAgain(logged, this.#fronts()),
      () => {},
    )
    this.#settling--
  }

  #fronts(): MapNode[] {
    return nodesOf(this.#system.keeper.map, 'front').filter(({ pid }) => pid !== null)
  }

  #door(id: string): DoorClient {
    return new DoorClient(this.#system.home, id)
  }
}

export function describePurge(purge: Purge): string {
  const what =
    'url' in purge
      ? purge.url
      : 'prefix' in purge
        ? `${purge.prefix}*`
        : 'tag' in purge
          ? `tag ${purge.tag}`
          : 'everything'
  return purge.soft ? `${what}, softly` : what
}

export function sumReports(reports: readonly EdgeReport[]): EdgeReport {
  const add = (of: (report: EdgeReport) => number) => reports.reduce((sum, report) => sum + of(report), 0)
  return {
    objects: add(({ objects }) => objects),
    memoryBytes: add(({ memoryBytes }) => memoryBytes),
    diskBytes: add(({ diskBytes }) => diskBytes),
    requests: {
      hit: add(({ requests }) => requests.hit),
      stale: add(({ requests }) => requests.stale),
      revalidated: add(({ requests }) => requests.revalidated),
      miss: add(({ requests }) => requests.miss),
      coalesced: add(({ requests }) => requests.coalesced),
      pass: add(({ requests }) => requests.pass),
    },
    bytesOut: add(({ bytesOut }) => bytesOut),
    bytesFromOrigin: add(({ bytesFromOrigin }) => bytesFromOrigin),
    cost: { billed: add(({ cost }) => cost.billed), saved: add(({ cost }) => cost.saved) },
  }
}
