// The public listening sockets: one, and a second one for TLS where the topology wants it. Each is opened once and handed to
// every process that shall answer it, as descriptors 3 and 4 (systemd's LISTEN_FDS convention). The supervisor holds them
// too but never accepts, so a process that answers may die and be replaced: clients wait in the socket's queue meanwhile,
// or are taken by another process that shares it, and are not refused.

import { closeSync } from 'node:fs'
import { BoundSocket } from 'node:net'
import { TenfoldError } from '../base/errors.ts'
import { type SystemMap, tlsEntryOf } from '../map/map.ts'
import { entryFd, tlsEntryFd } from '../processes/context.ts'
import { endsTls } from '../topology/front-settings.ts'

interface Held {
  fd: number
  close(): void
}

export class EntrySocket {
  readonly #at: Pick<SystemMap, 'entry' | 'portBase'>
  readonly #plain: Held
  #tls: Held | undefined

  private constructor(at: Pick<SystemMap, 'entry' | 'portBase'>, plain: Held, tls: Held | undefined) {
    this.#at = at
    this.#plain = plain
    this.#tls = tls
  }

  /** Takes the inherited sockets when a running process started us, else opens the first. @throws port-taken */
  static open(at: Pick<SystemMap, 'entry' | 'portBase'>, env: NodeJS.ProcessEnv = process.env): EntrySocket {
    const inherited = Number(env['LISTEN_FDS'] ?? 0)
    const plain = inherited >= 1 ? inheritedAs(entryFd) : bind(at.entry)
    return new EntrySocket(at, plain, inherited >= 2 ? inheritedAs(tlsEntryFd) : undefined)
  }

  /** What a process that answers the public address is given, in the order of its descriptors. @throws port-taken */
  descriptors(withTls: boolean): number[] {
    if (!withTls) return [this.#plain.fd]
    this.#tls ??= bind(tlsEntryOf(this.#at))
    return [this.#plain.fd, this.#tls.fd]
  }

  /** @throws port-taken when the second one is not open and cannot be. */
  checkTls(): void {
    if (!this.#tls) bind(tlsEntryOf(this.#at)).close()
  }

  /** When TLS is not wanted any more: those who answer it keep it until they go, and then nobody waits in its queue. */
  closeTls(): void {
    this.#tls?.close()
    this.#tls = undefined
  }

  close(): void {
    this.closeTls()
    this.#plain.close()
  }
}

/** Also while fronts that were started with TLS still answer it, whatever the topology says by now. */
export function isTlsEntryWanted({ topology, nodes }: Pick<SystemMap, 'topology' | 'nodes'>): boolean {
  return topology.front.tls.enabled || nodes.some(({ settings }) => settings !== undefined && endsTls(settings))
}

function inheritedAs(fd: number): Held {
  return { fd, close: () => closeSync(fd) }
}

function bind({ address, port }: { address: string; port: number }): Held {
  try {
    const bound = new BoundSocket({ host: address, port })
    return { fd: bound.fd(), close: () => bound.close() }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error
    throw new TenfoldError(
      'port-taken',
      `the public address ${address}:${port} is taken by another program; stop it or choose --port-base`,
      { cause: error },
    )
  }
}
