// A server of bytes behind a balancer in mode `tcp`.

import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import type { TestContext } from 'node:test'

export interface TcpServer {
  name: string
  port: number
  /** Connections that sent or got a byte, open or not: checks of health do neither. */
  used: number
  sockets: Set<Socket>
}

export async function openTcpServer(
  t: TestContext,
  name: string,
  serve: (socket: Socket, server: TcpServer) => void,
): Promise<TcpServer> {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    described.sockets.add(socket)
    socket.on('error', () => socket.destroy())
    socket.once('data', () => described.used++)
    socket.once('close', () => described.sockets.delete(socket))
    serve(socket, described)
  })
  const described: TcpServer = { name, port: 0, used: 0, sockets: new Set() }
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  described.port = (server.address() as { port: number }).port
  t.after(() => {
    for (const socket of described.sockets) socket.destroy()
    server.close()
  })
  return described
}

/** What comes goes back, to the end. */
export function echoBytes(socket: Socket): void {
  socket.pipe(socket)
}
