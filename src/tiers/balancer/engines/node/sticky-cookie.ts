// The cookie that brings a client back to the server that it had. Its value names the server and nothing else, in a form
// that tells a client nothing: it is not signed, because whoever forges one only chooses among servers that all would do.

import { createHash } from 'node:crypto'
import type { Exchange } from '../../../../net/http1/exchange.ts'
import type { ServerState } from '../../server-state.ts'
import { cookieOf } from './request-traits.ts'

const cookieName = 'tenfold-server'
const tokenChars = 16

export class StickyCookie {
  readonly #byToken = new Map<string, ServerState>()
  readonly #tokens = new Map<ServerState, string>()

  follow(servers: readonly ServerState[]): void {
    this.#byToken.clear()
    this.#tokens.clear()
    for (const server of servers) {
      const token = tokenOf(server.upstream.id)
      this.#byToken.set(token, server)
      this.#tokens.set(server, token)
    }
  }

  /** The server that the client had, as long as it is there. */
  wanted({ request }: Exchange): ServerState | undefined {
    const token = cookieOf(request, cookieName)
    return token === undefined ? undefined : this.#byToken.get(token)
  }

  /** The field that makes this server the client's own. Empty when it is, or when the client's own is only busy and stays it. */
  fieldFor(exchange: Exchange, server: ServerState): string {
    const wanted = this.wanted(exchange)
    if (wanted === server || (wanted?.isUp && !wanted.upstream.isDraining)) return ''
    const token = this.#tokens.get(server)
    if (token === undefined) return ''
    const { origin, request } = exchange
    const secure = origin.schemeOf(request) === 'https' ? '; Secure' : ''
    return `set-cookie: ${cookieName}=${token}; Path=/; HttpOnly; SameSite=Lax${secure}\r\n`
  }
}

/** The same in every balancer and after every restart. */
function tokenOf(id: string): string {
  return createHash('sha256').update(`tenfold-server ${id}`).digest('base64url').slice(0, tokenChars)
}
