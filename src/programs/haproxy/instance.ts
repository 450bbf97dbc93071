// One running HAProxy: start, reload, stop. Its master process holds the listening sockets from the first start to the last
// stop, whatever becomes of its workers and of us; whoever has its directory can take it over (`findInstance`).
//
// A reload is the master's own: it runs itself anew, starts a worker with the new configuration, hands it the listening
// sockets that it has, and only then tells the old worker to finish. No socket is closed, so no connection is refused; with
// `option idle-close-on-response` none that is idle is closed under its client.

import { existsSync } from 'node:fs'
import { open, writeFile } from 'node:fs/promises'
import { systemClock } from '../../base/clock.ts'
import { isTenfoldError, TenfoldError } from '../../base/errors.ts'
import { isProcessAlive } from '../process.ts'
import type { HaproxyBinary } from './binary.ts'
import { checkConfiguration } from './check.ts'
import { command, told } from './command.ts'
import { type HaproxyFiles, makeHaproxyDirs, writeWhole } from './files.ts'
import { launch } from './launch.ts'
import { type Workers, workersOf } from './workers.ts'

const startTimeoutMs = 10_000
const reloadTimeoutMs = 15_000
const killWaitMs = 5000
const pollMs = 10
const logBytesShown = 4096
const logLinesShown = 8

export interface StartOptions {
  binary: HaproxyBinary
  files: HaproxyFiles
  configuration: string
  descriptors: readonly number[]
  accessLog?: string | undefined
}

export class HaproxyInstance {
  readonly files: HaproxyFiles
  readonly masterPid: number
  readonly #binary: HaproxyBinary

  constructor(binary: HaproxyBinary, files: HaproxyFiles, masterPid: number) {
    this.#binary = binary
    this.files = files
    this.masterPid = masterPid
  }

  /**
   * Resolves when it takes connections. @throws bad-input for a configuration that does not hold, port-taken, program-failed with
   * the end of its log.
   */
  static async start({ binary, files, configuration, descriptors, accessLog }: StartOptions): Promise<HaproxyInstance> {
    await makeHaproxyDirs(files)
    await writeFile(files.serverState, '', { mode: 0o600 }) // of servers that nobody knows yet
    await writeWhole(files.configuration, configuration)
    await checkConfiguration(binary, files.configuration, { descriptors: descriptors.length })
    const pid = launch({ binary, files, descriptors, accessLog })
    const instance = new HaproxyInstance(binary, files, pid)
    const deadline = systemClock.monotonic() + startTimeoutMs
    while (!(await instance.#serves())) {
      if (!isProcessAlive(pid)) throw await startFailure(files)
      if (systemClock.monotonic() >= deadline) {
        await instance.stop(0)
        throw new TenfoldError('timeout', `HAProxy (process ${pid}) did not serve within ${startTimeoutMs} ms`)
      }
      await systemClock.sleep(pollMs)
    }
    return instance
  }

  get isAlive(): boolean {
    return isProcessAlive(this.masterPid)
  }

  workers(): Promise<Workers> {
    return workersOf(this.files.masterSocket)
  }

  /** To the worker that takes connections. */
  ask(text: string): Promise<string> {
    return command(this.files.runtimeSocket, text)
  }

  /** The same, for what answers nothing, or `done`. @throws program-failed with what HAProxy says. */
  tell(text: string, done?: RegExp): Promise<void> {
    return told(this.files.runtimeSocket, text, done)
  }

  /** To a worker of before a reload. */
  askWorker(pid: number, text: string): Promise<string> {
    return command(this.files.masterSocket, `@!${pid} ${text}`)
  }

  /**
   * Resolves when a worker with this configuration takes all new connections; what is known of servers goes with it. One that
   * does not hold is refused before anything is touched. @throws bad-input, program-failed, timeout.
   */
  async reload(configuration: string, { descriptors }: { descriptors: number }): Promise<void> {
    const { files } = this
    const tried = `${files.configuration}.next`
    await writeWhole(tried, configuration)
    await checkConfiguration(this.#binary, tried, { descriptors })
    const before = await this.workers()
    await writeWhole(files.serverState, await this.ask('show servers state'))
    await writeWhole(files.configuration, configuration)
    // The master goes away under this question and comes back as itself.
    await command(files.masterSocket, 'reload').catch((error) => {
      if (!isTenfoldError(error, 'unavailable')) throw error
    })
    const deadline = systemClock.monotonic() + reloadTimeoutMs
    while (!(await this.#isServedByAnother(before.current))) {
      if (!this.isAlive) throw await startFailure(files)
      if (systemClock.monotonic() >= deadline)
        throw new TenfoldError('timeout', `HAProxy (process ${this.masterPid}) did not reload; see ${files.log}`)
      await systemClock.sleep(pollMs)
    }
  }

  /** Accepts no more; each kept connection ends with its next answer, and the processes with their last connection. */
  finish(): void {
    this.#signal('SIGUSR1')
  }

  /** Resolves when it is gone: by itself within `graceMs` of a `finish`, else ended. May be called twice. */
  async stop(graceMs: number, signal?: AbortSignal): Promise<void> {
    if (await this.#isGoneWithin(graceMs, signal)) return
    this.#signal('SIGTERM')
    if (await this.#isGoneWithin(killWaitMs)) return
    const { old, current } = await this.workers().catch(() => ({ old: [], current: undefined }))
    for (const pid of [this.masterPid, current, ...old]) if (pid !== undefined) signalProcess(pid, 'SIGKILL')
    if (await this.#isGoneWithin(killWaitMs)) return
    throw new TenfoldError('timeout', `process ${this.masterPid} does not die, not even by SIGKILL`)
  }

  async #serves(): Promise<boolean> {
    const { masterPid, current } = await this.workers().catch(() => nobody)
    if (masterPid !== this.masterPid || current === undefined) return false
    return this.#isRuntimeOf(current)
  }

  async #isServedByAnother(before: number | undefined): Promise<boolean> {
    const { current } = await this.workers().catch(() => nobody)
    return current !== undefined && current !== before && this.#isRuntimeOf(current)
  }

  /** The runtime socket is bound under another name and renamed: until then it is the earlier worker's. */
  async #isRuntimeOf(pid: number): Promise<boolean> {
    const info = await this.ask('show info').catch(() => '')
    return Number(/^Pid: (\d+)$/m.exec(info)?.[1]) === pid
  }

  async #isGoneWithin(ms: number, signal?: AbortSignal): Promise<boolean> {
    const deadline = systemClock.monotonic() + ms
    while (this.isAlive) {
      if (systemClock.monotonic() >= deadline || signal?.aborted) return false
      await systemClock.sleep(pollMs, signal)
    }
    return true
  }

  #signal(name: NodeJS.Signals): void {
    signalProcess(this.masterPid, name)
  }
}

const nobody: Workers = { masterPid: 0, current: undefined, old: [] }

/** The one that runs on this directory, whoever started it; undefined when there is none. */
export async function findInstance(binary: HaproxyBinary, files: HaproxyFiles): Promise<HaproxyInstance | undefined> {
  if (!existsSync(files.masterSocket)) return undefined
  const deadline = systemClock.monotonic() + reloadTimeoutMs
  for (;;) {
    const { masterPid, current } = await workersOf(files.masterSocket).catch(() => nobody)
    if (masterPid === 0) return undefined
    // Whoever had it may have died in the middle of a reload.
    if (current !== undefined) return new HaproxyInstance(binary, files, masterPid)
    if (systemClock.monotonic() >= deadline) return undefined
    await systemClock.sleep(pollMs)
  }
}

function signalProcess(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

async function startFailure(files: HaproxyFiles): Promise<TenfoldError> {
  const file = await open(files.log)
  try {
    const { size } = await file.stat()
    const { buffer, bytesRead } = await file.read(
      Buffer.alloc(logBytesShown),
      0,
      logBytesShown,
      Math.max(0, size - logBytesShown),
    )
    const text = buffer.toString('utf8', 0, bytesRead)
    const [, where] = /cannot bind socket \(Address already in use\)(?: for)? \[([^\]]+)\]/.exec(text) ?? []
    if (where !== undefined)
      return new TenfoldError('port-taken', `${where} is in use by another program, HAProxy cannot listen there`)
    const lines = text.trim().split('\n').slice(-logLinesShown).join('\n')
    return new TenfoldError('program-failed', `HAProxy did not start. Its log (${files.log}) ends with:\n${lines}`)
  } finally {
    await file.close()
  }
}
