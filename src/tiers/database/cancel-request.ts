// CancelRequest: asks a server, over a connection of its own, to end what another connection runs.
// Source: PostgreSQL manual, 54.2.7 Canceling Requests in Progress: Int32(16), Int32(80877102), process id, secret key.
//
// The server closes the connection when it has sent the signal. Whoever waits for that before using the other connection
// again can be sure that the signal hits nothing that comes later: a backend that is idle ignores it.

import { createConnection } from 'node:net'

const cancelCode = 80_877_102

export interface CancelTarget {
  address: string
  port: number
  processId: number
  secretKey: number
}

/** Resolves when the signal was sent, or `limitMs` later; never rejects. False: nobody knows whether it was. */
export function sendCancelRequest(target: CancelTarget, limitMs: number): Promise<boolean> {
  const request = Buffer.alloc(16)
  request.writeInt32BE(16, 0)
  request.writeInt32BE(cancelCode, 4)
  request.writeInt32BE(target.processId, 8)
  request.writeInt32BE(target.secretKey | 0, 12)
  return new Promise((resolve) => {
    const socket = createConnection({ host: target.address, port: target.port })
    const timer = setTimeout(() => socket.destroy(), limitMs)
    let hasEnded = false
    socket.on('connect', () => socket.write(request))
    socket.on('end', () => {
      hasEnded = true
    })
    socket.on('error', () => {})
    socket.on('close', () => {
      clearTimeout(timer)
      resolve(hasEnded)
    })
    socket.resume() // without a reader the end is never seen
  })
}
