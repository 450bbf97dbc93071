// A balancer that is a HAProxy: a process of its own, which this one starts, tells and watches, and which serves on when this
// one dies. Whoever opens the same directory later takes over what runs there.

import { writeFile } from 'node:fs/promises'
import { BoundSocket } from 'node:net'
import { dirname, join } from 'node:path'
import { systemClock } from '../../../../base/clock.ts'
import { TenfoldError } from '../../../../base/errors.ts'
import { findHaproxy } from '../../../../programs/haproxy/binary.ts'
import { haproxyFilesOf, makeHaproxyDirs } from '../../../../programs/haproxy/files.ts'
import { findInstance } from '../../../../programs/haproxy/instance.ts'
import { keepLogBounded } from '../../../../programs/haproxy/log.ts'
import { findUnprivileged } from '../../../../programs/private-files.ts'
import type { Balancer, ListenOn, ListenOptions, Upstreams } from '../../contract.ts'
import { defaultBalancerOptions } from '../../options.ts'
import { Controller } from './controller.ts'
import { isAskedFor, type Listener } from './listener.ts'
import { Observer, type ServerHealth } from './observer.ts'
import { defaultHaproxyLimits, type HaproxyBalancerOptions, type HaproxyLimits } from './options.ts'
import { hasAll, inheritedOf, readRecord } from './record.ts'

export type { HaproxyBalancerOptions }

/** HAProxy binds by itself: a free port can be taken by another program between the look and the bind. */
const freePortTries = 5
/** When we are root: what meets the world needs no rights. The master keeps ours, for reloads. */
const workerUsers = ['haproxy', 'nobody']

/**
 * Takes over the HAProxy that runs on `options.dir`, if one does; else one is started with the first `listen`.
 * @throws program-missing.
 */
export async function openHaproxyBalancer(upstreams: Upstreams, given: HaproxyBalancerOptions): Promise<Balancer> {
  const binary = await findHaproxy()
  const options = { ...defaultBalancerOptions, ...given }
  const limits = { ...defaultHaproxyLimits, ...given.limits }
  const files = haproxyFilesOf(options.dir)
  await makeHaproxyDirs(files)
  const readyMap = join(dirname(files.serverState), 'ready.map')
  const inherited = inheritedOf(options.descriptors ?? [])
  const user = await findUnprivileged(workerUsers)
  const context = { binary, files, readyMap, options, limits, inherited, user }
  const running = await findInstance(binary, files)
  const record = running && (await readRecord(files.dir))
  const isOurs =
    running !== undefined && record?.masterPid === running?.masterPid && hasAll(record?.inherited ?? [], inherited)
  const controller = new Controller(context, { upstreams, listeners: [], filesRead: 0 })
  if (running && record && isOurs) controller.adopt(running, record)
  // One with other sockets is of an earlier life of the system: nobody can reach it where we are to be reached.
  else await running?.stop(0)
  if (!isOurs) await writeFile(readyMap, 'ready no\n', { mode: 0o600 })
  const adopted = isOurs ? (record?.listeners ?? []) : []
  const { tls, onTrouble } = options
  return new HaproxyBalancer({ controller, limits, adopted, readyMap, logFile: files.log, tls, onTrouble })
}

interface Parts {
  controller: Controller
  limits: HaproxyLimits
  /** Where the one that was taken over listens. */
  adopted: readonly Listener[]
  readyMap: string
  logFile: string
  tls: HaproxyBalancerOptions['tls']
  onTrouble: HaproxyBalancerOptions['onTrouble']
}

class HaproxyBalancer implements Balancer {
  readonly #controller: Controller
  readonly #parts: Parts
  readonly #observer = new Observer()
  readonly #watching = new AbortController()
  readonly #unwatchFiles: (() => void) | undefined
  /** Adopted, and asked for by nobody yet. */
  #unclaimed: Listener[]
  #hasListened = false
  /** What HAProxy answers at /-/ready. */
  #isSettled = false
  #isClosing = false
  #watched: Promise<void>

  constructor(parts: Parts) {
    this.#parts = parts
    this.#controller = parts.controller
    this.#unclaimed = [...parts.adopted]
    this.#controller.wanted.listeners = parts.adopted
    this.#unwatchFiles = parts.tls?.onChange?.(() => {
      this.#controller.wanted.filesRead++
      this.#controller.converge().catch((error) => this.#parts.onTrouble?.(error))
    })
    this.#watched = this.#watch()
  }

  async update(upstreams: Upstreams): Promise<void> {
    const { mode } = this.#upstreams
    if (upstreams.mode !== mode)
      throw new TenfoldError('conflict', `this balancer is in mode ${mode} for its life, not ${upstreams.mode}`)
    this.#controller.wanted.upstreams = upstreams
    this.#observer.keepOnly(upstreams.servers)
    await this.#controller.converge()
  }

  async listen(on: ListenOn, { answersHealth = false, tls = false }: ListenOptions = {}): Promise<void> {
    if (this.#isClosing) throw new TenfoldError('closed', 'this balancer is closed')
    const known = this.#listeners.find((listener) => isAskedFor(listener, on))
    if (known !== undefined) await this.#claim(known, { answersHealth, tls })
    else if ('fd' in on) await this.#add({ on, asked: on, answersHealth, tls })
    else await this.#addAddress(on, { answersHealth, tls })
    this.#hasListened = true
  }

  addresses(): ReadonlyArray<{ address: string; port: number }> {
    return this.#listeners.flatMap((listener) => (this.#unclaimed.includes(listener) ? [] : (listener.at ?? [])))
  }

  async leave(on: ListenOn): Promise<void> {
    const kept = this.#listeners.filter((listener) => !isAskedFor(listener, on))
    if (kept.length === this.#listeners.length) return
    this.#controller.wanted.listeners = kept
    await this.#controller.converge()
  }

  isReady(): boolean {
    return this.#isSettled && this.#areChecked() && !this.#isClosing
  }

  health(): ReadonlyArray<ServerHealth> {
    return this.#upstreams.servers.map((server) => this.#observer.healthOf(server))
  }

  inFlight(): number {
    return this.#observer.underWay
  }

  /** HAProxy keeps averages, no quantiles. */
  counts(): { requests: number; errors: number; p99Ms: undefined } {
    return { ...this.#observer.totals, p99Ms: undefined }
  }

  async close(drainMs: number, { closesIdle = false }: { closesIdle?: boolean } = {}): Promise<void> {
    this.#isClosing = true
    this.#unwatchFiles?.()
    await this.#controller.stop()
    // Who could not even take over what runs leaves it to the next one.
    const instance = this.#hasListened ? this.#controller.instance : undefined
    const drained = new AbortController()
    instance?.finish()
    if (closesIdle) void this.#untilIdle(drainMs).then(() => drained.abort())
    await instance?.stop(drainMs, drained.signal)
    this.#watching.abort()
    await this.#watched
  }

  get #upstreams(): Upstreams {
    return this.#controller.wanted.upstreams
  }

  get #listeners(): readonly Listener[] {
    return this.#controller.wanted.listeners
  }

  // Where it listens.

  async #claim(listener: Listener, as: { answersHealth: boolean; tls: boolean }): Promise<void> {
    if (!this.#unclaimed.includes(listener))
      throw new TenfoldError('bad-input', `this balancer listens on ${JSON.stringify(listener.asked)} already`)
    this.#unclaimed = this.#unclaimed.filter((other) => other !== listener)
    const claimed = { ...listener, ...as }
    this.#controller.wanted.listeners = this.#listeners.map((other) => (other === listener ? claimed : other))
    await this.#controller.converge()
  }

  async #addAddress(
    on: { address: string; port: number },
    as: { answersHealth: boolean; tls: boolean },
  ): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      const at = { address: on.address, port: freePort(on) }
      try {
        return await this.#add({ on: at, asked: on, at, ...as })
      } catch (error) {
        const mayTryAnother = on.port === 0 && error instanceof TenfoldError && error.code === 'port-taken'
        if (!mayTryAnother || attempt === freePortTries) throw error
      }
    }
  }

  async #add(listener: Listener): Promise<void> {
    const { on } = listener
    if ('fd' in on && !this.#controller.descriptors.includes(on.fd))
      throw new TenfoldError('bad-input', `HAProxy was started without descriptor ${on.fd}; name it in \`descriptors\``)
    this.#controller.wanted.listeners = [...this.#listeners, listener]
    try {
      await this.#controller.converge()
    } catch (error) {
      this.#controller.wanted.listeners = this.#listeners.filter((other) => other !== listener)
      throw error
    }
  }

  // What becomes of it.

  async #watch(): Promise<void> {
    const { signal } = this.#watching
    const { limits, logFile, onTrouble } = this.#parts
    const unclaimedUntil = systemClock.monotonic() + limits.unclaimedMsMax
    let restartDelayMs = limits.restartDelayMs
    while (!signal.aborted) {
      await systemClock.sleep(limits.observeIntervalMs, signal)
      try {
        if (this.#unclaimed.length > 0 && systemClock.monotonic() > unclaimedUntil) await this.#dropUnclaimed()
        if (this.#controller.instance?.isAlive === false && !this.#isClosing) {
          onTrouble?.(new TenfoldError('program-failed', 'HAProxy died; it is started again'))
          await systemClock.sleep(restartDelayMs, signal)
          restartDelayMs = Math.min(2 * restartDelayMs, limits.restartDelayMsMax)
          if (!this.#isClosing) await this.#controller.converge()
        }
        if (await this.#observe()) restartDelayMs = limits.restartDelayMs
        await keepLogBounded(logFile)
      } catch (error) {
        // While it reloads or ends it may not answer.
        if (!this.#isClosing && this.#controller.instance?.isAlive === false) onTrouble?.(error)
      }
    }
  }

  async #observe(): Promise<boolean> {
    const { rows, current } = await this.#controller.observe()
    if (current === undefined) return false
    this.#observer.take(rows, current)
    const isSettled = this.#areChecked()
    if (isSettled !== this.#isSettled && !this.#isClosing) await this.#tellReady(isSettled)
    if (!this.#isClosing) await this.#controller.sweep(rows.get(current) ?? [])
    return true
  }

  #areChecked(): boolean {
    return this.#upstreams.servers.every((server) => server.isDraining || this.#observer.wasChecked(server))
  }

  /** In the file for the next worker, and at once for this one. */
  async #tellReady(isSettled: boolean): Promise<void> {
    const { readyMap } = this.#parts
    await writeFile(readyMap, `ready ${isSettled ? 'yes' : 'no'}\n`)
    // HAProxy has it only where a listener asks for it.
    if (this.#listeners.some(({ answersHealth }) => answersHealth))
      await this.#controller.instance?.tell(`set map ${readyMap} ready ${isSettled ? 'yes' : 'no'}`)
    this.#isSettled = isSettled
  }

  async #dropUnclaimed(): Promise<void> {
    const kept = this.#listeners.filter((listener) => !this.#unclaimed.includes(listener))
    this.#unclaimed = []
    this.#controller.wanted.listeners = kept
    await this.#controller.converge()
  }

  async #untilIdle(limitMs: number): Promise<void> {
    const deadline = systemClock.monotonic() + limitMs
    const { observeIntervalMs } = this.#parts.limits
    do await systemClock.sleep(observeIntervalMs)
    while (this.#observer.underWay > 0 && systemClock.monotonic() < deadline)
  }
}

/** @throws port-taken when another program listens there, bad-input for an address that is not ours. */
function freePort({ address, port }: { address: string; port: number }): number {
  try {
    const socket = new BoundSocket({ host: address, port })
    try {
      return socket.address().port
    } finally {
      socket.close()
    }
  } catch (error) {
    const isTaken = (error as NodeJS.ErrnoException).code === 'EADDRINUSE'
    throw new TenfoldError(
      isTaken ? 'port-taken' : 'bad-input',
      isTaken ? `${address}:${port} is in use by another program` : `cannot listen on ${address}:${port}`,
      { cause: error, details: { address, port } },
    )
  }
}
