// Makes TLS connections of accepted sockets, with the certificate that the client asks for and the protocol that it prefers.
// A change of certificates is for handshakes to come; connections that are open keep theirs.

import type { Socket } from 'node:net'
import { createServer, type Server, type TLSSocket } from 'node:tls'
import type { Certificates } from './certificates.ts'
import { contextOptions } from './context-options.ts'
import { ticketKeysOf, ticketPeriodOf } from './ticket-keys.ts'

export interface TlsOptions {
  certificates: Certificates
  /** Shared by all processes that serve the address. Left out, tickets are good for this process only. */
  ticketSecret?: Buffer
  /** Offered in this order; a client that shares none of them is refused in the handshake (RFC 7301, 3.2). */
  protocols?: readonly string[]
}

type Done = (secured: TLSSocket) => void

export class TlsTerminator {
  readonly #server: Server
  readonly #options: TlsOptions
  readonly #waiting = new Map<string, Done>()
  readonly #forgetChanges: () => void
  #ticketPeriod = -1

  constructor(options: TlsOptions) {
    this.#options = options
    const { certificates, protocols = ['h2', 'http/1.1'] } = options
    this.#server = createServer({
      ...contextOptions,
      ...certificates.fallback.pems,
      ALPNProtocols: [...protocols],
      SNICallback: (host, done) => done(null, certificates.pick(host).context),
    })
    this.#server.on('secureConnection', (secured) => this.#secured(secured))
    // Scanners and broken clients: their connections end, and that is all.
    this.#server.on('tlsClientError', (_error, secured) => secured.destroy())
    this.#forgetChanges = certificates.onChange(() => this.#renew())
    this.#renewTickets()
  }

  /**
   * Begins the handshake; `done` is called when it succeeds. Who calls bounds its time, and sees the socket close when it
   * fails. Bytes that were read before are put back into the socket first.
   */
  secure(socket: Socket, done: Done): void {
    this.#renewTickets()
    const key = placeOf(socket)
    this.#waiting.set(key, done)
    socket.once('close', () => {
      // By now another connection may have the same ends.
      if (this.#waiting.get(key) === done) this.#waiting.delete(key)
    })
    this.#server.emit('connection', socket)
  }

  /** Hears of changes no more. Connections that are open go on, and so do handshakes. */
  close(): void {
    this.#forgetChanges()
  }

  #secured(secured: TLSSocket): void {
    const key = placeOf(secured)
    const done = this.#waiting.get(key)
    this.#waiting.delete(key)
    if (done === undefined) secured.destroy()
    else done(secured)
  }

  #renew(): void {
    this.#server.setSecureContext({ ...contextOptions, ...this.#options.certificates.fallback.pems })
    this.#ticketPeriod = -1
    this.#renewTickets()
  }

  /** The keys of the server's own context count, also where a certificate of another one is used. */
  #renewTickets(): void {
    const { ticketSecret } = this.#options
    const period = ticketPeriodOf(Date.now())
    if (ticketSecret === undefined || period === this.#ticketPeriod) return
    this.#ticketPeriod = period
    this.#server.setTicketKeys(ticketKeysOf(ticketSecret, period))
  }
}

/** Both ends of a connection: no two that are open share them. */
function placeOf({ localAddress, localPort, remoteAddress, remotePort }: Socket): string {
  return `${localAddress} ${localPort} ${remoteAddress} ${remotePort}`
}
