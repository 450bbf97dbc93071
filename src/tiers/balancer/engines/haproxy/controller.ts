// Leads one HAProxy to what is wanted of it. The wanted state is one value; each turn looks at the newest one, so that turns
// that came too late have nothing to do.

import { isDeepStrictEqual } from 'node:util'
import type { HaproxyBinary } from '../../../../programs/haproxy/binary.ts'
import { writeWhole } from '../../../../programs/haproxy/files.ts'
import { HaproxyInstance } from '../../../../programs/haproxy/instance.ts'
import { numberIn, parseStats, type StatRow } from '../../../../programs/haproxy/stats.ts'
import type { Upstreams } from '../../contract.ts'
import { type Changes, changesBetween, deleting, rampingUp, stopping } from './changes.ts'
import { configurationOf } from './configuration/configuration.ts'
import type { ConfigurationInput } from './configuration/input.ts'
import { frontendName, type Listener } from './listener.ts'
import { type HaproxyRecord, type Inherited, writeRecord } from './record.ts'
import { serverName } from './server-names.ts'

export interface Wanted {
  upstreams: Upstreams
  listeners: readonly Listener[]
  /** Grows when files that the configuration names have changed. */
  filesRead: number
}

export interface ControllerContext extends Omit<ConfigurationInput, 'upstreams' | 'listeners' | 'descriptors'> {
  binary: HaproxyBinary
  inherited: readonly Inherited[]
}

interface Applied extends Wanted {
  configuration: string
}

export class Controller {
  wanted: Wanted
  readonly #context: ControllerContext
  #inherited: readonly Inherited[]
  #instance: HaproxyInstance | undefined
  #applied: Applied | undefined
  /** Servers that are not wanted any more and still have connections. */
  #leaving = new Set<string>()
  #turn: Promise<void> = Promise.resolve()
  #isStopped = false

  constructor(context: ControllerContext, wanted: Wanted) {
    this.#context = context
    this.#inherited = context.inherited
    this.wanted = wanted
  }

  /** Goes on with one that runs. */
  adopt(instance: HaproxyInstance, { inherited, listeners, upstreams, configuration }: HaproxyRecord): void {
    this.#instance = instance
    this.#inherited = inherited
    // What files it has read nobody knows: -1 is never wanted.
    this.#applied = { upstreams, listeners, configuration, filesRead: this.#context.options.tls ? -1 : 0 }
  }

  get instance(): HaproxyInstance | undefined {
    return this.#instance
  }

  /** Where it listens has to be had at its start. */
  get descriptors(): number[] {
    return this.#inherited.map(({ fd }) => fd)
  }

  /** Resolves when everything that is wanted now holds. Turns never overlap. */
  converge(): Promise<void> {
    const turn = this.#turn.then(() => this.#step())
    this.#turn = turn.catch(() => {})
    return turn
  }

  /** No more turns; resolves when none is under way. */
  async stop(): Promise<void> {
    this.#isStopped = true
    await this.#turn
  }

  /** Rows of each worker that is there. @throws what the sockets throw. */
  async observe(): Promise<{ rows: Map<number, StatRow[]>; current: number | undefined }> {
    const rows = new Map<number, StatRow[]>()
    if (this.#instance === undefined) return { rows, current: undefined }
    const { current, old } = await this.#instance.workers()
    if (current !== undefined) rows.set(current, parseStats(await this.#instance.askWorker(current, 'show stat')))
    for (const pid of old) {
      // It may end between the two questions.
      const stats = await this.#instance.askWorker(pid, 'show stat').catch(() => '')
      if (stats.startsWith('#')) rows.set(pid, parseStats(stats))
    }
    return { rows, current }
  }

  /** Deletes servers that are gone and have no connection left; those that have stay for the next time. */
  sweep(rows: readonly StatRow[]): Promise<void> {
    const idle = [...this.#leaving].filter(
      (name) => !rows.some((row) => row.get('svname') === name && numberIn(row, 'scur') > 0),
    )
    if (idle.length === 0) return Promise.resolve()
    const turn = this.#turn.then(() => this.#delete(idle))
    this.#turn = turn.catch(() => {})
    return turn
  }

  async #delete(names: readonly string[]): Promise<void> {
    for (const name of names) {
      if (!this.#leaving.has(name) || this.#instance === undefined) continue
      // One that cannot go yet, for an idle connection, stays whole, so that it can come back.
      let isDeleted = true
      for (const { text, done } of deleting(name)) {
        const answer: string = isDeleted ? await this.#instance.ask(text) : ''
        isDeleted &&= done?.test(answer) === true || /No such server/i.test(answer)
      }
      if (isDeleted) this.#leaving.delete(name)
    }
  }

  async #step(): Promise<void> {
    if (this.#isStopped || (this.#instance === undefined && this.wanted.listeners.length === 0)) return
    if (this.#instance?.isAlive !== true) this.#forget()
    const wanted = { ...this.wanted }
    const configuration = this.#configurationOf(wanted)
    const applied = this.#applied
    if (this.#instance === undefined) await this.#start(configuration)
    else if (applied?.configuration === configuration && applied.filesRead === wanted.filesRead) return
    else if (applied === undefined || !(await this.#tell(this.#instance, applied, wanted, configuration)))
      await this.#reload(this.#instance, applied, wanted, configuration)
    await this.#learnAddresses(wanted.listeners)
    this.#applied = { ...wanted, configuration }
    await this.#writeRecord()
  }

  /** One that is to be started has the sockets that we have, not those of the one before. */
  #forget(): void {
    this.#instance = undefined
    this.#applied = undefined
    this.#leaving.clear()
    this.#inherited = this.#context.inherited
    const { descriptors } = this
    this.wanted.listeners = this.wanted.listeners.filter(({ on }) => !('fd' in on) || descriptors.includes(on.fd))
  }

  async #start(configuration: string): Promise<void> {
    const { binary, files, options } = this.#context
    this.#instance = await HaproxyInstance.start({
      ...{ binary, files, configuration, descriptors: this.descriptors },
      accessLog: options.accessLog?.file,
    })
  }

  /** False when it needs a reload. */
  async #tell(instance: HaproxyInstance, applied: Applied, wanted: Wanted, configuration: string): Promise<boolean> {
    const had = new Map(applied.listeners.map((listener) => [frontendName(listener), listener]))
    const names = new Set(wanted.listeners.map(frontendName))
    const isAsBefore = wanted.listeners.every((listener) => {
      const before = had.get(frontendName(listener))
      return before?.tls === listener.tls && before.answersHealth === listener.answersHealth
    })
    if (!isAsBefore || applied.filesRead !== wanted.filesRead) return false
    // A frontend that is shut down accepts no more, but HAProxy keeps its socket for the next worker: who connects would wait for
    // ever. On an inherited one others accept.
    if ([...had].some(([name, { on }]) => !names.has(name) && !('fd' in on))) return false
    const changes = changesBetween(applied.upstreams, wanted.upstreams, this.#leaving)
    if (changes === undefined || !this.#isWholeChange(applied, wanted, configuration)) return false
    try {
      for (const name of had.keys()) if (!names.has(name)) await instance.tell(`shutdown frontend ${name}`)
      for (const { text, done } of changes.commands) await instance.tell(text, done ?? /^$/)
    } catch {
      return false // for example a server of this name that is still leaving: a reload gets there all the same
    }
    await this.#stopAtOldWorkers(instance, changes)
    for (const server of wanted.upstreams.servers) this.#leaving.delete(serverName(server))
    for (const name of changes.left) this.#leaving.add(name)
    await writeWhole(this.#context.files.configuration, configuration)
    return true
  }

  /** Whether servers and listeners are all that differs: options may have changed under an adopted one. */
  #isWholeChange(applied: Applied, wanted: Wanted, configuration: string): boolean {
    return (
      this.#configurationOf(applied) === applied.configuration ||
      (isDeepStrictEqual(applied.upstreams, wanted.upstreams) && applied.configuration === configuration)
    )
  }

  async #reload(
    instance: HaproxyInstance,
    applied: Applied | undefined,
    wanted: Wanted,
    configuration: string,
  ): Promise<void> {
    await instance.reload(configuration, { descriptors: this.#inherited.length })
    this.#leaving.clear()
    if (applied === undefined) return
    const takes = new Set(wanted.upstreams.servers.filter(({ isDraining }) => !isDraining).map(serverName))
    const stopped = applied.upstreams.servers.map(serverName).filter((name) => !takes.has(name))
    await this.#stopAtOldWorkers(instance, { stopped })
    if (wanted.upstreams.slowStartMs === 0) return
    const known = new Set(applied.upstreams.servers.filter(({ isDraining }) => !isDraining).map(serverName))
    for (const { text } of rampingUp([...takes].filter((name) => !known.has(name)))) await instance.tell(text)
  }

  /** A worker of before a reload still has connections of clients, and their next requests go where it thinks. */
  async #stopAtOldWorkers(instance: HaproxyInstance, { stopped }: Pick<Changes, 'stopped'>): Promise<void> {
    if (stopped.length === 0) return
    const { old } = await instance.workers()
    for (const pid of old) for (const { text } of stopping(stopped)) await instance.askWorker(pid, text).catch(() => '') // it may have ended
  }

  async #learnAddresses(listeners: readonly Listener[]): Promise<void> {
    if (listeners.every(({ at }) => at !== undefined) || this.#instance === undefined) return
    const rows = parseStats(await this.#instance.ask('show stat'))
    for (const listener of listeners) {
      const row = rows.find((row) => row.get('type') === '3' && row.get('pxname') === frontendName(listener))
      const [, address, port] = /^(?:ipv[46]@)?\[?(.+?)\]?:(\d+)$/.exec(row?.get('addr') ?? '') ?? []
      if (address !== undefined) listener.at = { address, port: Number(port) }
    }
  }

  async #writeRecord(): Promise<void> {
    if (this.#applied === undefined || this.#instance === undefined) return
    const { upstreams, listeners, configuration } = this.#applied
    await writeRecord(this.#context.files.dir, {
      version: 1,
      masterPid: this.#instance.masterPid,
      inherited: [...this.#inherited],
      listeners: [...listeners],
      ...{ upstreams, configuration },
    })
  }

  #configurationOf({ upstreams, listeners }: Wanted): string {
    return configurationOf({ ...this.#context, upstreams, listeners, descriptors: this.descriptors })
  }
}
