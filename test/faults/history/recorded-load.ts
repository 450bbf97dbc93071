// What a fault test holds: a load on a running system whose every operation is recorded, and the verdict on it.
//
//   await using load = await RecordedLoad.start(system)
//   ... break something ...
//   const verdict = await load.end(t)
//   verdict.assertHolds()

import assert from 'node:assert/strict'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import type { RunningSystem } from '../../running-system.ts'
import { checkHistory } from './check/check.ts'
import { describeOperation, describeViolation, type Violation } from './check/violation.ts'
import { describeFigures } from './figures.ts'
import { usualMix } from './load/mix.ts'
import type { RecorderConfig } from './load/recorder.ts'
import { RecorderProcess } from './load/recorder-process.ts'
import type { FinalObject, Operation } from './operation.ts'

/** For RunningSystem.up: the app whose objects the load writes. */
export const historyApp = join(import.meta.dirname, 'app')

const shownMax = 12

const defaults: Omit<RecorderConfig, 'servers'> = {
  // Beside other tests on two cores; 300 for the record.
  ratePerSecond: Number(process.env['TENFOLD_FAULT_RATE'] ?? 100),
  mix: usualMix,
  keyedShare: 0.5,
  timeoutMs: 30_000,
  sessionsMin: 100,
  sessionsMax: 3000,
  sessionOperationsMax: 150,
  historyMax: 300_000,
  seed: 4,
}

export interface LoadOptions extends Partial<Omit<RecorderConfig, 'servers'>> {
  /** `everywhere`: the public address and each web server's own one in turn. Web servers must then stay where they are. */
  through?: 'front' | 'everywhere'
}

export class RecordedLoad implements AsyncDisposable {
  readonly startMs = Date.now()
  readonly #process = new RecorderProcess()

  private constructor() {}

  static async start(system: RunningSystem, options: LoadOptions = {}): Promise<RecordedLoad> {
    const { through = 'everywhere', ...config } = options
    const load = new RecordedLoad()
    const { urls, nodes } = await system.status()
    const own = nodes.flatMap(({ role, address, port }) => (role === 'web' ? `http://${address}:${port}` : []))
    const servers = through === 'front' ? [urls.app] : [urls.app, ...own]
    await load.#process.call('start', { ...defaults, ...config, servers })
    return load
  }

  /** Ends the load, reads what is there, and prints the figures. */
  async end(t: TestContext): Promise<Verdict> {
    const history = await this.#process.call('stop', null)
    const final = await this.#process.call('final', null)
    const verdict = new Verdict(history, final, this.startMs)
    for (const line of describeFigures(history, this.startMs)) t.diagnostic(line)
    return verdict
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process[Symbol.asyncDispose]()
  }
}

export class Verdict {
  readonly history: readonly Operation[]
  readonly final: readonly FinalObject[]
  readonly violations: readonly Violation[]
  readonly #startMs: number

  constructor(history: readonly Operation[], final: readonly FinalObject[], startMs: number) {
    this.history = history
    this.final = final
    this.violations = checkHistory(history, final)
    this.#startMs = startMs
  }

  /** Operations that were not acknowledged. */
  notOk(access?: Operation['access']): Operation[] {
    return this.history.filter(
      (operation) => operation.outcome !== 'ok' && (access === undefined || operation.access === access),
    )
  }

  /** No promise was broken, and there was something to check. */
  assertHolds(): void {
    const acknowledged = this.history.filter(({ access, outcome }) => access === 'write' && outcome === 'ok')
    assert.ok(acknowledged.length > 0, 'no write was acknowledged: nothing was tested')
    const shown = this.violations.slice(0, shownMax).map((found) => describeViolation(found, this.#startMs))
    assert.equal(this.violations.length, 0, `${this.violations.length} broken promises:\n${shown.join('\n')}`)
  }

  /** Not one operation but was acknowledged. */
  assertNoneFailed(access?: Operation['access']): void {
    this.#assertNone(this.notOk(access), 'were not acknowledged')
  }

  /**
   * Who may wait was answered well: every read, and every write with a key. Of the others, those that were under way at
   * the server that died may have happened, and their clients were told so.
   */
  assertOnlyUnkeyedUnknown(): void {
    const unexpected = this.notOk().filter(
      ({ access, isKeyed, outcome }) => access === 'read' || isKeyed === true || outcome !== 'unknown',
    )
    this.#assertNone(unexpected, 'should have been answered well')
  }

  #assertNone(operations: readonly Operation[], what: string): void {
    const shown = operations.slice(0, shownMax).map((operation) => describeOperation(operation, this.#startMs))
    assert.deepEqual(shown, [], `${operations.length} ${what}`)
  }
}
