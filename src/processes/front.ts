// A front process: the balancer on the public address, in front of the web processes of its region.

import { isDeepStrictEqual } from 'node:util'
import { TenfoldError } from '../base/errors.ts'
import { Lifecycle } from '../base/lifecycle.ts'
import { waitUntil } from '../base/limits.ts'
import { nodesOf, type SystemMap } from '../map/map.ts'
import type { Balancer, HashOn, ListenOn, Upstreams } from '../tiers/balancer/contract.ts'
import { openNodeBalancer } from '../tiers/balancer/engines/node/engine.ts'
import { entryFd, type ProcessContext } from './context.ts'
import type { DoorState } from './door/contract.ts'
import { type Role, runProcess } from './run.ts'
import { startSupervisor } from './start-supervisor.ts'

/** How long a start waits for the first health checks; after that it serves with what it knows. */
const firstChecksTimeoutMs = 3000
const entry: ListenOn = { fd: entryFd }

export async function openFrontRole(context: ProcessContext): Promise<Role> {
  return new Front(context)
}

class Front extends Lifecycle implements Role {
  readonly #context: ProcessContext
  #balancer: Balancer | undefined
  #upstreams: Upstreams | undefined
  #unsubscribe: (() => void) | undefined
  /** The descriptor of the public socket is the listener's own once it listens, and gone when it has left. */
  #entry: 'unused' | 'open' | 'left' = 'unused'

  constructor(context: ProcessContext) {
    super()
    this.#context = context
  }

  state(): Omit<DoorState, 'pid'> {
    return {
      node: this.#context.nodeId,
      mapVersion: this.#context.map.current.version,
      isReady: this.isRunning && (this.#balancer?.isReady() ?? false),
      hasEntry: this.#entry === 'open',
      inFlight: this.#balancer?.inFlight() ?? 0,
      ...this.#balancer?.counts(),
    }
  }

  async applyMap(): Promise<void> {
    await this.#context.map.refresh()
    await this.#followEntry()
  }

  async leaveEntry(): Promise<void> {
    if (this.#entry !== 'open') return
    this.#entry = 'left'
    this.#balancer?.leave(entry)
  }

  async startSupervisor(args: string[]): Promise<{ pid: number }> {
    const canHandOn = this.#entry === 'open' || (this.#entry === 'unused' && this.#context.hasEntrySocket)
    if (!canHandOn)
      throw new TenfoldError(
        'conflict',
        `${this.#context.nodeId} does not hold the public socket, so it cannot hand it on`,
      )
    return startSupervisor(this.#context.home, args, { hasTls: this.#context.hasTlsEntrySocket })
  }

  protected async open(): Promise<void> {
    const { map, self, nodeId, log } = this.#context
    const upstreams = upstreamsOf(map.current, self().region)
    const balancer = openNodeBalancer(upstreams)
    this.#balancer = balancer
    this.#upstreams = upstreams
    this.#unsubscribe = map.onChange((newer) => this.#follow(newer))
    try {
      // Health and, for whoever comes by the node's own address, everything else.
      await balancer.listen({ address: self().address, port: self().port }, { answersHealth: true })
      const settled = { what: `the first health checks of ${nodeId}`, timeoutMs: firstChecksTimeoutMs }
      await waitUntil(() => balancer.isReady(), settled).catch((error) => log.warn({ err: error }, 'serving unchecked'))
      await this.#followEntry()
    } catch (error) {
      this.#unsubscribe()
      await balancer.close(0)
      throw error
    }
  }

  protected async close(): Promise<void> {
    this.#unsubscribe?.()
    this.#entry = 'left'
    const { map, closesIdle } = this.#context
    await this.#balancer?.close(map.current.topology.web.drainMs, { closesIdle })
  }

  /** Between two requests: the balancer swaps its snapshot. */
  #follow(map: SystemMap): void {
    const upstreams = upstreamsOf(map, this.#context.self().region)
    if (isDeepStrictEqual(upstreams, this.#upstreams)) return
    this.#upstreams = upstreams
    this.#balancer?.update(upstreams)
    this.#context.log.info({ mapVersion: map.version, servers: upstreams.servers }, 'servers changed')
  }

  /** Takes the public address, or leaves it, as the map says. One that was left is never taken again. */
  async #followEntry(): Promise<void> {
    const { self, hasEntrySocket } = this.#context
    if (!self().entry) return this.leaveEntry()
    if (!hasEntrySocket || this.#entry !== 'unused') return
    this.#entry = 'open'
    await this.#balancer?.listen(entry)
  }
}

/** The web servers of a region that are there, and how the topology wants them asked. */
export function upstreamsOf(map: SystemMap, region: string): Upstreams {
  const { front, web } = map.topology
  const servers = nodesOf(map, 'web')
    .filter((node) => node.region === region && (node.state === 'ready' || node.state === 'draining'))
    .map(({ id, address, port, state }) => {
      return { id, address, port, weight: front.weights[id] ?? 1, isDraining: state === 'draining' }
    })
  return {
    servers,
    hashOn: hashOnOf(front.hashOn),
    healthPath: web.healthPath,
    bodyBytesMax: web.bodyBytesMax,
    mode: front.mode,
    algorithm: front.algorithm,
    sticky: front.sticky,
    healthIntervalMs: front.healthIntervalMs,
    rise: front.rise,
    fall: front.fall,
    ejectAfter: front.ejectAfter,
    panicShare: front.panicShare,
    slowStartMs: front.slowStartMs,
    inFlightPerServerMax: front.inFlightPerServerMax,
    queueMax: front.queueMax,
    queueTimeoutMs: front.queueTimeoutMs,
    retriesMax: front.retriesMax,
    timeoutMs: front.timeoutMs,
  }
}

/** From `path`, `header:NAME` or `cookie:NAME`. */
function hashOnOf(text: string): HashOn {
  const [by, name] = text.split(':')
  return (by === 'header' || by === 'cookie') && name !== undefined ? { by, name } : { by: 'path' }
}

if (import.meta.main) await runProcess(openFrontRole)
