// Carries plans out, one at a time, step by step. The only way in which the system changes.

import { describeError, TenfoldError } from '../base/errors.ts'
import { plan } from '../plan/plan.ts'
import { type Step, titleOf } from '../plan/step.ts'
import type { Topology } from '../topology/schema.ts'
import { isUnfinished, type Journal, readJournal, writeJournal } from './journal.ts'
import { cloneDatabase, createDatabase, removeDatabase } from './steps/database-steps.ts'
import { leaveEntry, startNode, stopNode } from './steps/process-steps.ts'
import { switchPrimary } from './steps/switch-primary.ts'
import type { System } from './system.ts'

export interface Progress {
  to: number
  step: string
  done: number
  of: number
}

export class Executor {
  readonly #system: System
  #journal: Journal | undefined
  #running: Promise<void> | undefined
  #isStopped = false
  #lastFailure: string | null = null
  #listeners = new Set<(progress: Progress | null) => void>()

  constructor(system: System) {
    this.#system = system
  }

  get progress(): Progress | null {
    if (!this.#running || !this.#journal) return null
    const { to, steps, done } = this.#journal
    const step = steps[Math.min(done, steps.length - 1)]
    return { to, step: step ? titleOf(step) : '', done, of: steps.length }
  }

  /** Why the last plan of this supervisor was given up; null once a later one has begun. */
  get lastFailure(): string | null {
    return this.#lastFailure
  }

  onProgress(listener: (progress: Progress | null) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  planTo(topology: Topology): Step[] {
    return plan(this.#system.keeper.map, topology)
  }

  /**
   * Begins to carry out the way to a topology and answers its steps.
   * @throws conflict while another plan is being carried out.
   */
  apply(topology: Topology): Step[] {
    if (this.#running)
      throw new TenfoldError('conflict', `a climb to rung ${this.#journal?.to} is under way; wait until it has arrived`)
    if (this.#isStopped) throw new TenfoldError('closed', 'the supervisor is stopping')
    const steps = this.planTo(topology)
    if (steps.length === 0) return steps
    const { keeper } = this.#system
    const startedAt = new Date().toISOString()
    this.#journal = { from: keeper.map.rung, to: topology.rung, steps, done: 0, startedAt }
    this.#run(this.#journal)
    return steps
  }

  /** Reads what an earlier supervisor left. */
  async load(): Promise<void> {
    this.#isStopped = false
    this.#journal = await readJournal(this.#system.home.journal)
  }

  /** The nodes of the step that was under way when the earlier supervisor died. */
  nodesInStep(): ReadonlySet<string> {
    const step = isUnfinished(this.#journal) ? this.#journal.steps[this.#journal.done] : undefined
    if (!step || !('node' in step)) return new Set()
    return new Set([typeof step.node === 'string' ? step.node : step.node.id])
  }

  /** Goes on with what an earlier supervisor left unfinished. */
  resume(): void {
    if (!isUnfinished(this.#journal)) return
    const { to, done, steps } = this.#journal
    this.#system.events.emit('info', `going on with the climb to rung ${to} at step ${done + 1} of ${steps.length}`)
    this.#run(this.#journal)
  }

  /** Resolves when no plan is being carried out. */
  async idle(): Promise<void> {
    await this.#running
  }

  /** Ends after the step that is under way; what is left stays in the journal. */
  async stop(): Promise<void> {
    this.#isStopped = true
    await this.#running
  }

  #run(journal: Journal): void {
    this.#lastFailure = null
    this.#running = this.#carryOut(journal).finally(() => {
      this.#running = undefined
      this.#announce()
    })
  }

  async #carryOut(journal: Journal): Promise<void> {
    const { home, events } = this.#system
    try {
      await writeJournal(home.journal, journal)
      while (journal.done < journal.steps.length && !this.#isStopped) {
        const step = journal.steps[journal.done] as Step
        this.#announce()
        events.emit('info', titleOf(step), { step: step.kind })
        await this.#carryOutStep(step)
        journal.done++
        await writeJournal(home.journal, journal)
      }
      if (journal.done === journal.steps.length) journal.finishedAt = new Date().toISOString()
    } catch (error) {
      journal.failure = describeError(error)
      this.#lastFailure = journal.failure
      events.emit('error', `the climb to rung ${journal.to} stopped: ${journal.failure}`)
    }
    // When the disk is full, the journal stays as it was: the next supervisor then goes on with the climb.
    await writeJournal(home.journal, journal).catch((error) =>
      events.emit('error', `the journal could not be written: ${describeError(error)}`),
    )
  }

  async #carryOutStep(step: Step): Promise<void> {
    const system = this.#system
    switch (step.kind) {
      case 'set-topology':
        return system.keeper.changeEverywhere((draft) => {
          draft.topology = step.topology
        })
      case 'create-database':
        return createDatabase(system, step)
      case 'clone-database':
        return cloneDatabase(system, step)
      case 'switch-primary':
        return switchPrimary(system, step)
      case 'remove-database':
        return removeDatabase(system, step)
      case 'start-node':
        return startNode(system, step.node)
      case 'leave-entry':
        return leaveEntry(system, step.node)
      case 'stop-node':
        return stopNode(system, step.node)
      case 'reach-rung':
        return system.keeper.changeEverywhere((draft) => {
          draft.rung = step.rung
        })
    }
  }

  #announce(): void {
    for (const listener of this.#listeners) listener(this.progress)
  }
}
