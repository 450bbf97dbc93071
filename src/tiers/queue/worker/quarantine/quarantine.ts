// Processes beside the worker in which suspects run: jobs whose last attempt ended without a word. One of them may have
// killed its worker; if it does so again, it is only such a process that dies.
//
// Most suspects are innocent: they were in the hands of a worker that was killed. So many run at once, in the hall. When it
// dies nobody knows whose fault it was, and each of those inside runs again, alone in a cell; who is in a cell when it dies, did it.
// A process that does not answer for as long as a lease is killed: something in it never gives the event loop back.

import { describeError, TenfoldError } from '../../../../base/errors.ts'
import type { HeldJob } from '../held-job.ts'
import { Cell, type CellOptions } from './cell.ts'
import { NoQuarantine, QuarantineDeath } from './death.ts'
import type { Visit } from './visit.ts'

/** Jobs in the hall at once. */
const hallMax = 16
/** Cells, where those who are alone take long: a process is an app, with its memory and connections. */
const cellsMax = 3
const cellBusyMsMax = 10_000
/** A lost lease, a time-out or a cancel reaches a process that late at most. */
const lookMs = 100

export interface QuarantineOptions extends CellOptions {
  /** How long those who wait for a cell wait for one that is taken, before there is another one. */
  cellBusyMsMax?: number
}

export class Quarantine {
  readonly #options: QuarantineOptions
  readonly #hall: Cell
  readonly #cells: Cell[] = []
  #waiting: Visit[] = []
  #waitingAlone: Visit[] = []
  #next = 1
  #timer: NodeJS.Timeout | undefined

  constructor(options: QuarantineOptions) {
    this.#options = options
    this.#hall = this.#newCell(hallMax)
  }

  /**
   * Settles as the job's handler does.
   * @throws QuarantineDeath when it took its process down; NoQuarantine when it did not run, since no process could be started
   */
  run(job: HeldJob, { leaseMs, onStart }: { leaseMs: number; onStart: () => void }): Promise<void> {
    return new Promise((resolve, reject) => {
      const visit = { number: this.#next++, job, leaseMs, onStart, resolve, reject }
      this.#waiting.push({ ...visit, begunAt: 0, abortAskedAt: 0 })
      this.#timer ??= setInterval(() => this.#look(), lookMs)
      this.#pump()
    })
  }

  /** Ends the processes; what is inside or waits is rejected with `closed`. May be called twice, and followed by `run`. */
  async close(): Promise<void> {
    clearInterval(this.#timer)
    this.#timer = undefined
    const visits = [...this.#waiting, ...this.#waitingAlone]
    this.#waiting = []
    this.#waitingAlone = []
    for (const { reject } of visits) reject(new TenfoldError('closed', 'the worker stops'))
    await Promise.all([this.#hall, ...this.#cells.splice(0)].map((cell) => cell.close()))
  }

  #pump(): void {
    if (this.#waiting.length > 0) this.#hall.start()
    // An app that cannot be opened twice (it listens on a port of its own) must not keep its jobs waiting for ever.
    if (this.#hall.isOut) for (const { reject } of this.#waiting.splice(0)) reject(new NoQuarantine())
    fill(this.#hall, this.#waiting)
    if (this.#waitingAlone.length > 0) this.#openCells()
    for (const cell of this.#cells) fill(cell, this.#waitingAlone)
  }

  /** One; another when all that there are have been busy for long. */
  #openCells(): void {
    const { clock, cellBusyMsMax: patienceMs = cellBusyMsMax } = this.#options
    const now = clock.monotonic()
    const areBusy = this.#cells.every(({ busySince }) => busySince !== undefined && now - busySince > patienceMs)
    if (areBusy && this.#cells.length < cellsMax) this.#cells.push(this.#newCell(1))
    for (const cell of this.#cells) cell.start()
  }

  #newCell(capacity: number): Cell {
    return new Cell(this.#options, capacity, {
      onRoom: () => this.#pump(),
      onDeath: (visits, how) => this.#sortOut(visits, how),
    })
  }

  #sortOut(visits: readonly Visit[], how: string): void {
    for (const visit of visits) {
      // It was killed for one that was aborted and did not end: beside other jobs it would have stood in their way.
      if (visit.abortAskedAt > 0) visit.reject(new QuarantineDeath(describeError(visit.job.signal.reason)))
      else if (visits.length === 1) visit.reject(new QuarantineDeath(how))
      else this.#waitingAlone.push(visit)
    }
    this.#pump()
  }

  #look(): void {
    this.#waiting = this.#waiting.filter(isWanted)
    this.#waitingAlone = this.#waitingAlone.filter(isWanted)
    for (const cell of [this.#hall, ...this.#cells]) cell.look()
    this.#pump()
  }
}

function fill(cell: Cell, line: Visit[]): void {
  while (cell.hasRoom) {
    const visit = line.shift()
    if (!visit) return
    if (isWanted(visit)) cell.begin(visit)
  }
}

/** False when it was aborted before it began: then it has heard so. */
function isWanted({ job, reject }: Visit): boolean {
  if (job.abortedWhy === undefined && !job.isSettled) return true
  reject(job.signal.reason)
  return false
}
