// The edge as a whole: what is thrown out is thrown out at every front, and what they did is summed up.

import { type MapNode, nodesOf } from '../map/map.ts'
import { DoorClient } from '../processes/door/client.ts'
import { PurgeLog } from '../processes/purges/purge-log.ts'
import type { EdgeReport, Purge } from '../tiers/edge/contract.ts'
import type { System } from './system.ts'

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
      await Promise.allSettled(done.nodes.map((id) => this.#door(id).purge(logged, { again: true })))
    const { events } = this.#system
    events.emit('info', `purged ${describePurge(purge)}: ${done.objects} answers at ${done.nodes.length} fronts`)
    if (done.pending.length > 0) events.emit('warn', `not heard of the purge yet: ${done.pending.join(', ')}`)
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
    await this.#log.close()
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
