// One plan at a time, step by step, each written down before it begins: a supervisor that is killed in the middle leaves
// word of how far it came, and the next one goes on there.

import { describeError, TenfoldError } from '../base/errors.ts'
import { type Step, titleOf } from '../plan/step.ts'
import type { EventLog } from './events.ts'
import { isUnfinished, type Journal, readJournal, writeJournal } from './journal.ts'
import { journalWithNewKeys } from './new-keys.ts'

export interface LaneOptions {
  /** Where its journal is. */
  file: string
  /** For messages: `the climb to rung 4`. */
  nameOf(journal: Journal): string
  events: EventLog
  carryOut(step: Step): Promise<void>
  /** Steps to go on with instead of what is left, before a step or after its failure (then with the error). */
  replan?(journal: Journal, error?: unknown): Promise<Step[] | undefined>
  onChange?(): void
  /** The supervisor is about to stop: no step begins any more, and one that gives up is gone on with by the next supervisor. */
  isStopping?(): boolean
}

export class Lane {
  readonly #options: LaneOptions
  #journal: Journal | undefined
  #running: Promise<void> | undefined
  #isStopped = false
  #lastError: unknown

  constructor(options: LaneOptions) {
    this.#options = options
  }

  /** The plan under way. */
  get current(): Journal | undefined {
    return this.#running ? this.#journal : undefined
  }

  /** The plan under way, or else the last one, also of an earlier supervisor. */
  get last(): Journal | undefined {
    return this.#journal
  }

  /** Why the last plan of this supervisor was given up; null once a later one has begun. */
  get lastFailure(): string | null {
    return this.#lastError === undefined ? null : describeError(this.#lastError)
  }

  get lastError(): unknown {
    return this.#lastError
  }

  /** Reads what an earlier supervisor left. */
  async load(): Promise<void> {
    this.#isStopped = false
    const { file } = this.#options
    const journal = await readJournal(file)
    // One that is finished is not gone on with, whatever it says.
    this.#journal = isUnfinished(journal) ? journalWithNewKeys(journal, file) : journal
  }

  /** The nodes of the step that was under way when the earlier supervisor died. */
  nodesInStep(): string[] {
    const step = isUnfinished(this.#journal) ? this.#journal.steps[this.#journal.done] : undefined
    return step ? nodesOf(step) : []
  }

  /** Goes on with what an earlier supervisor left unfinished. */
  resume(): void {
    if (!isUnfinished(this.#journal)) return
    const { done, steps } = this.#journal
    this.#options.events.emit(
      'info',
      `going on with ${this.#options.nameOf(this.#journal)} at step ${done + 1} of ${steps.length}`,
    )
    this.#run(this.#journal)
  }

  /** @throws conflict while another plan is under way, closed when it is stopping. */
  begin(journal: Journal): void {
    if (this.#running) {
      const name = this.#options.nameOf(this.#journal ?? journal)
      throw new TenfoldError('conflict', `${name} is under way; wait until it has arrived`)
    }
    if (this.#isStopped) throw new TenfoldError('closed', 'the supervisor is stopping')
    this.#run(journal)
  }

  /** Resolves when no plan is under way. */
  async idle(): Promise<void> {
    await this.#running
  }

  /** Ends after the step that is under way; what is left stays in the journal. */
  async stop(): Promise<void> {
    this.#isStopped = true
    await this.#running
  }

  #run(journal: Journal): void {
    this.#journal = journal
    this.#lastError = undefined
    this.#running = this.#carryOut(journal).finally(() => {
      this.#running = undefined
      this.#options.onChange?.()
    })
  }

  async #carryOut(journal: Journal): Promise<void> {
    const { file, events, nameOf } = this.#options
    try {
      await writeJournal(file, journal)
      while (!this.#isStopping) {
        this.#follow(journal, await this.#options.replan?.(journal))
        const step = journal.steps[journal.done]
        if (!step) break
        this.#options.onChange?.()
        events.emit('info', titleOf(step), { step: step.kind })
        try {
          await this.#options.carryOut(step)
          journal.done++
        } catch (error) {
          const instead = await this.#options.replan?.(journal, error)
          if (!instead) throw error
          events.emit('info', `${titleOf(step)} is planned anew: ${describeError(error)}`, { step: step.kind })
          this.#follow(journal, instead)
        }
        await writeJournal(file, journal)
      }
      if (journal.done === journal.steps.length) journal.finishedAt = new Date().toISOString()
    } catch (error) {
      // Given up since the supervisor stops: the next one goes on.
      if (!this.#isStopping) {
        journal.failure = describeError(error)
        this.#lastError = error
        events.emit('error', `${nameOf(journal)} stopped: ${journal.failure}`)
      }
    }
    // When the disk is full, the journal stays as it was: the next supervisor then goes on with the plan.
    await writeJournal(file, journal).catch((error) =>
      events.emit('error', `the journal could not be written: ${describeError(error)}`),
    )
  }

  get #isStopping(): boolean {
    return this.#isStopped || this.#options.isStopping?.() === true
  }

  #follow(journal: Journal, instead: Step[] | undefined): void {
    if (instead) journal.steps = [...journal.steps.slice(0, journal.done), ...instead]
  }
}

function nodesOf(step: Step): string[] {
  if (step.kind === 'switch-primary' || step.kind === 'fail-over') return [step.from, step.to]
  if (!('node' in step)) return []
  return [typeof step.node === 'string' ? step.node : step.node.id]
}
