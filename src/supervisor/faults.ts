// Accidents on purpose. Nobody else in the supervisor is told: what watches has to find out by itself.

import { TenfoldError } from '../base/errors.ts'
import { type MapNode, nodeOf } from '../map/map.ts'
import { signalServer } from '../programs/postgres/processes.ts'
import { dataDirOf } from './nodes/postgres-driver.ts'
import { signal } from './pid.ts'
import type { System } from './system.ts'

export type FaultKind = 'kill' | 'pause' | 'resume' | 'slow' | 'cut'

/** A process that is made slow runs for the one and stands still for the other, in turns. */
const slowed = { runMs: 20, stopMs: 60 }

export class Faults {
  readonly #system: System
  readonly #slowing = new Map<string, NodeJS.Timeout>()

  constructor(system: System) {
    this.#system = system
  }

  /**
   * kill: SIGKILL to its process. pause: everything of the node stands still. slow: a replica shows changes 2 s late, any
   * other process gets a quarter of its time. cut: a replica gets nothing from its primary. resume ends all but kill.
   * @throws bad-input for what cannot be cut off on one machine.
   */
  async inject(node: MapNode, kind: FaultKind): Promise<void> {
    const { events } = this.#system
    const isReplica = node.database === 'replica'
    if (kind === 'cut' && !isReplica)
      throw new TenfoldError('bad-input', `${node.id} is no replica: only those can be cut off on one machine`)
    events.emit('warn', `fault: ${kind} ${node.id} (pid ${node.pid})`, { node: node.id })
    if (kind === 'kill' && node.pid !== null) signal(node.pid, 'SIGKILL')
    if (kind === 'pause') send(node, 'SIGSTOP')
    if (kind === 'slow' && !isReplica) this.#slow(node)
    if (kind === 'slow' && isReplica) await this.#mark(node, 'slow')
    if (kind === 'cut') await this.#mark(node, 'cut')
    if (kind === 'resume') await this.#resume(node)
  }

  /** Ends what needs us; a replica that is slow or cut off stays so. May be called twice. */
  stop(): void {
    for (const [id, timer] of this.#slowing) {
      clearTimeout(timer)
      const node = this.#system.keeper.node(id)
      if (node) send(node, 'SIGCONT')
    }
    this.#slowing.clear()
  }

  async #resume(node: MapNode): Promise<void> {
    clearTimeout(this.#slowing.get(node.id))
    this.#slowing.delete(node.id)
    send(node, 'SIGCONT')
    if (node.fault) await this.#mark(node, undefined)
  }

  /** In the map, so that it holds when the node is started again. */
  async #mark(node: MapNode, fault: MapNode['fault']): Promise<void> {
    const { keeper, postgres } = this.#system
    await keeper.change((draft) => {
      const found = nodeOf(draft, node.id)
      if (fault && found) found.fault = fault
      else delete found?.fault
    })
    await postgres.configure(keeper.node(node.id) as MapNode)
    await postgres.reload(node)
  }

  #slow(node: MapNode): void {
    clearTimeout(this.#slowing.get(node.id))
    const turn = (isRunning: boolean) => {
      const now = this.#system.keeper.node(node.id)
      if (!now) return
      send(now, isRunning ? 'SIGCONT' : 'SIGSTOP')
      const timer = setTimeout(() => turn(!isRunning), isRunning ? slowed.runMs : slowed.stopMs)
      this.#slowing.set(node.id, timer.unref())
    }
    turn(false)
  }
}

/** To the whole of a database server: its postmaster alone only takes in new clients. */
function send(node: MapNode, name: 'SIGSTOP' | 'SIGCONT'): void {
  if (node.role === 'postgres') signalServer(dataDirOf(node), name)
  else if (node.pid !== null) signal(node.pid, name)
}
