// A front process: edge and balancer on the public addresses, in front of the web processes of its region. There may be several,
// all on the same sockets.

import { isDeepStrictEqual } from 'node:util'
import { TenfoldError } from '../base/errors.ts'
import { Lifecycle } from '../base/lifecycle.ts'
import { waitUntil } from '../base/limits.ts'
import type { SystemMap } from '../map/map.ts'
import type { Balancer, ListenOn, Upstreams } from '../tiers/balancer/contract.ts'
import type { EdgeReport } from '../tiers/edge/contract.ts'
import { entryFd, type ProcessContext, tlsEntryFd } from './context.ts'
import type { DoorState } from './door/contract.ts'
import { FrontEdge } from './front/front-edge.ts'
import { type OpenedBalancer, openBalancer } from './front/open-balancer.ts'
import { upstreamsOf } from './front/upstreams.ts'
import type { LoggedPurge } from './purges/purge-log.ts'
import { type Role, runProcess } from './run.ts'
import { startSupervisor } from './start-supervisor.ts'

/** How long a start waits for the first health checks; after that it serves with what it knows. */
const firstChecksTimeoutMs = 3000
const entry: ListenOn = { fd: entryFd }
const tlsEntry: ListenOn = { fd: tlsEntryFd }

export async function openFrontRole(context: ProcessContext): Promise<Role> {
  return new Front(context)
}

class Front extends Lifecycle implements Role {
  readonly #context: ProcessContext
  #opened: OpenedBalancer | undefined
  #edge: FrontEdge | undefined
  #upstreams: Upstreams | undefined
  /** Settles when the newest upstreams hold. */
  #applied: Promise<void> = Promise.resolve()
  /** The balancer could not take them: when the map is told again, they are tried again. */
  #isRefused = false
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
      ...this.#edgeCounts(),
    }
  }

  async purge(logged: LoggedPurge, options: { again: boolean }): Promise<{ objects: number }> {
    return (await this.#edge?.hear(logged, options)) ?? { objects: 0 }
  }

  async invalidate(urls: string[]): Promise<void> {
    await this.#edge?.invalidate(urls)
  }

  edgeReport(): EdgeReport | null {
    return this.#edge?.report() ?? null
  }

  async applyMap(): Promise<void> {
    this.#follow(await this.#context.map.refresh())
    await this.#applied
    await this.#followEntry()
  }

  async leaveEntry(): Promise<void> {
    if (this.#entry !== 'open') return
    this.#entry = 'left'
    await this.#balancer?.leave(entry)
    await this.#balancer?.leave(tlsEntry)
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
    try {
      const edge = map.current.topology.edge.enabled ? new FrontEdge(this.#context) : undefined
      this.#edge = edge
      await edge?.start()
      const upstreams = upstreamsOf(map.current, self().region)
      const opened = await openBalancer(this.#context, upstreams, edge)
      const { balancer } = opened
      this.#opened = opened
      this.#upstreams = upstreams
      this.#unsubscribe = map.onChange((newer) => this.#follow(newer))
      // What changed while they were opened.
      this.#follow(map.current)
      // Health and, for whoever comes by the node's own address, everything else.
      await balancer.listen({ address: self().address, port: self().port }, { answersHealth: true })
      const settled = { what: `the first health checks of ${nodeId}`, timeoutMs: firstChecksTimeoutMs }
      await waitUntil(() => balancer.isReady(), settled).catch((error) => log.warn({ err: error }, 'serving unchecked'))
      await this.#followEntry()
    } catch (error) {
      await this.#release(0)
      throw error
    }
  }

  protected async close(): Promise<void> {
    this.#entry = 'left'
    await this.#release(this.#context.map.current.topology.web.drainMs)
  }

  /** Clients first, then what answers them. */
  async #release(drainMs: number): Promise<void> {
    this.#unsubscribe?.()
    await this.#balancer?.close(drainMs, { closesIdle: this.#context.closesIdle })
    await this.#edge?.stop()
    this.#opened?.release()
  }

  /** Between two requests: the balancer swaps its snapshot. */
  #follow(map: SystemMap): void {
    this.#edge?.follow(map)
    // The mode is for life: another one is for the fronts that take this one's place.
    const { mode } = this.#upstreams ?? map.topology.front
    const upstreams = { ...upstreamsOf(map, this.#context.self().region), mode }
    if (!this.#isRefused && isDeepStrictEqual(upstreams, this.#upstreams)) return
    this.#isRefused = false
    this.#upstreams = upstreams
    this.#applied = this.#balancer?.update(upstreams) ?? this.#applied
    this.#applied.catch((error) => {
      this.#isRefused = true
      this.#context.log.error({ err: error }, 'the change of servers is not applied')
    })
    this.#context.log.info({ mapVersion: map.version, servers: upstreams.servers }, 'servers changed')
  }

  get #balancer(): Balancer | undefined {
    return this.#opened?.balancer
  }

  #edgeCounts(): Pick<DoorState, 'edge'> {
    const edge = this.#edge?.counts()
    return edge ? { edge } : {}
  }

  /** Takes the public addresses, or leaves them, as the map says. One that was left is never taken again. */
  async #followEntry(): Promise<void> {
    const { self, hasEntrySocket } = this.#context
    if (!self().entry) return this.leaveEntry()
    if (!hasEntrySocket || this.#entry !== 'unused') return
    this.#entry = 'open'
    await this.#balancer?.listen(entry)
    if (this.#opened?.endsTls) await this.#balancer?.listen(tlsEntry, { tls: true })
  }
}

if (import.meta.main) await runProcess(openFrontRole)
