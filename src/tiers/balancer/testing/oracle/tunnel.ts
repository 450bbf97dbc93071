// Two sockets become one after a server agreed to leave HTTP (101). Bytes flow both ways, each no faster than the other
// side takes them; either end closing closes both.

import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'

export interface TunnelEnds {
  client: Socket
  /** What the client sent behind its request head. */
  clientHead: Buffer
  server: Duplex
}

/** Writes the 101 and resolves when both sides are closed. */
export function runTunnel(
  { client, clientHead, server }: TunnelEnds,
  answerHeaders: readonly string[],
  { idleTimeoutMs }: { idleTimeoutMs: number },
): Promise<void> {
  if (client.destroyed) {
    server.destroy()
    return Promise.resolve()
  }
  const lines = ['HTTP/1.1 101 Switching Protocols', 'Connection: Upgrade', 'Upgrade: websocket']
  for (let i = 0; i + 1 < answerHeaders.length; i += 2) lines.push(`${answerHeaders[i]}: ${answerHeaders[i + 1]}`)
  client.write(`${lines.join('\r\n')}\r\n\r\n`, 'latin1')
  if (clientHead.length > 0) server.write(clientHead)
  client.setTimeout(idleTimeoutMs, () => client.destroy())
  client.pipe(server)
  server.pipe(client)
  return new Promise((resolve) => {
    let open = 2
    const closed = () => {
      client.destroy()
      server.destroy()
      if (--open === 0) resolve()
    }
    client.on('error', () => client.destroy())
    server.on('error', () => server.destroy())
    client.once('close', closed)
    server.once('close', closed)
  })
}
