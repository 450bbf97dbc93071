// The public listening socket. It is opened once and handed to every process that shall answer it, as descriptor 3
// (systemd's LISTEN_FDS convention). The supervisor holds it too but never accepts, so a process that answers it may die
// and be replaced: clients wait in the socket's queue meanwhile and are not refused.

import { BoundSocket } from 'node:net'
import { TenfoldError } from '../base/errors.ts'
import { entryFd } from '../processes/context.ts'

export class EntrySocket {
  readonly fd: number
  /** Kept so that the descriptor stays open as long as the supervisor lives. */
  readonly #bound: BoundSocket | undefined

  private constructor(fd: number, bound?: BoundSocket) {
    this.fd = fd
    this.#bound = bound
  }

  /** Takes the inherited socket when a running process started us, else opens it. */
  static open(at: { address: string; port: number }, env: NodeJS.ProcessEnv = process.env): EntrySocket {
    if (env['LISTEN_FDS'] === '1') return new EntrySocket(entryFd)
    try {
      const bound = new BoundSocket({ host: at.address, port: at.port })
      return new EntrySocket(bound.fd(), bound)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error
      throw new TenfoldError(
        'port-taken',
        `the public address ${at.address}:${at.port} is taken by another program; stop it or choose --port-base`,
        { cause: error },
      )
    }
  }

  close(): void {
    this.#bound?.close()
  }
}
