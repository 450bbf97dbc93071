// Keeps a Redis Cluster whole. A node that came back may have lost who it was, with its directory, and is then a stranger to
// the others: whenever nodes of the cluster have new processes, they are made one cluster again. On one that is whole already
// that changes nothing.
//
// A node that is down is started again by the fleet as any other, and its replica takes its place meanwhile without us.

import { systemClock } from '../base/clock.ts'
import { Lifecycle } from '../base/lifecycle.ts'
import type { Mender } from './executor.ts'
import type { System } from './system.ts'

const lookIntervalMs = 500
/** A node that hangs is killed by the fleet after a while; until then nothing can be mended. */
const retryMs = 5000
/** The lane in which it is mended. */
const repairName = 'cache'

export class CacheWatch extends Lifecycle {
  readonly #system: System
  readonly #executor: Mender
  /** The processes of the cluster as it was when it was found whole. */
  #whole = ''
  #mending: string | undefined
  #notBeforeMs = 0
  #timer: NodeJS.Timeout | undefined

  constructor(system: System, executor: Mender) {
    super()
    this.#system = system
    this.#executor = executor
  }

  protected async open(): Promise<void> {
    this.#timer = setInterval(() => this.#look(), lookIntervalMs)
  }

  protected async close(): Promise<void> {
    clearInterval(this.#timer)
  }

  #look(): void {
    const { cache, nodes } = this.#system.keeper.map
    // A climb makes its own cluster; what it leaves is looked at when it has arrived.
    const isClimbing = this.#executor.progress !== null && !this.#executor.isScaling
    if (cache?.layout !== 'cluster' || isClimbing) return
    if (this.#executor.isRepairing(repairName)) return
    if (this.#mending !== undefined) {
      if (this.#executor.lastErrorOf(repairName) === undefined) this.#whole = this.#mending
      else this.#notBeforeMs = systemClock.monotonic() + retryMs
      this.#mending = undefined
    }
    const own = nodes.filter(({ id }) => cache.nodes.includes(id))
    const processes = JSON.stringify(own.map(({ id, pid }) => [id, pid]))
    const areAllThere = own.length === cache.nodes.length && own.every(({ state }) => state === 'ready')
    if (processes === this.#whole || !areAllThere || systemClock.monotonic() < this.#notBeforeMs) return
    this.#mending = processes
    this.#executor.repair(repairName, [{ kind: 'form-cluster', nodes: cache.nodes }])
  }
}
