// Sockets whose bytes all come through one buffer of the process, instead of a new 64 KB for each read.
//
// Node reads into a given buffer where a socket is made with `onread` (documented for net.connect). Node never suspends
// between filling it and calling back, so all sockets can share one: an idle connection holds no buffer at all. What is
// needed after the callback must be copied. A socket that a server accepted is wrapped once more to get the same; that uses
// `_handle`, and where it is not there (TLS, another runtime) the socket's own `data` events do, at more cost.

import { connect, Socket } from 'node:net'
import { warnOfFault } from './fault.ts'

const readBufferBytes = 64 * 1024
const readBuffer = Buffer.allocUnsafeSlow(readBufferBytes)

export interface SocketReader {
  /** The bytes are valid during the call only. */
  onBytes(bytes: Buffer, start: number, end: number): void
  onEnd(): void
  onDrain(): void
  onError(error: NodeJS.ErrnoException): void
  onClose(): void
}

interface HandleHolder {
  _handle?: object | null
}

/** Of a server with `pauseOnConnect`. The answer is the socket to use from here on. */
export function adoptAccepted(accepted: Socket, readerOf: (socket: Socket) => SocketReader): SocketReader {
  const holder = accepted as unknown as HandleHolder
  const handle = holder._handle
  if (handle === undefined || handle === null || accepted.constructor !== Socket) return adoptStream(accepted, readerOf)
  holder._handle = null
  accepted.destroy() // it has no connection any more; node's server forgets it
  let reader: SocketReader | undefined
  const onread = {
    buffer: readBuffer,
    callback: (size: number): boolean => {
      if (reader !== undefined) deliver(socket, reader, readBuffer, size)
      return true
    },
  }
  const socket: Socket = new Socket({ handle, onread, allowHalfOpen: true } as ConstructorParameters<typeof Socket>[0])
  reader = listen(socket, readerOf(socket))
  return reader
}

/** Any connected stream that is a socket to its users: TLS. */
export function adoptStream(socket: Socket, readerOf: (socket: Socket) => SocketReader): SocketReader {
  socket.allowHalfOpen = true
  const reader = listen(socket, readerOf(socket))
  socket.on('data', (bytes: Buffer) => deliver(socket, reader, bytes, bytes.length))
  return reader
}

/** Connects; `onConnect` comes before any other call. */
export function connectFast(
  { address, port }: { address: string; port: number },
  reader: SocketReader & { onConnect(): void },
): Socket {
  const onread = {
    buffer: readBuffer,
    callback: (size: number): boolean => {
      deliver(socket, reader, readBuffer, size)
      return true
    },
  }
  const socket: Socket = connect({ host: address, port, onread, noDelay: true, allowHalfOpen: true })
  socket.once('connect', () => guard(socket, () => reader.onConnect()))
  listen(socket, reader)
  return socket
}

function deliver(socket: Socket, reader: SocketReader, bytes: Buffer, size: number): void {
  try {
    reader.onBytes(bytes, 0, size)
  } catch (error) {
    warnOfFault(error)
    socket.destroy()
  }
}

function listen<Reader extends SocketReader>(socket: Socket, reader: Reader): Reader {
  socket.on('end', () => guard(socket, () => reader.onEnd()))
  socket.on('drain', () => guard(socket, () => reader.onDrain()))
  socket.on('error', (error) => guard(socket, () => reader.onError(error)))
  socket.once('close', () => guard(socket, () => reader.onClose()))
  return reader
}

/** A fault costs the connection that it happened on. */
function guard(socket: Socket, call: () => void): void {
  try {
    call()
  } catch (error) {
    warnOfFault(error)
    socket.destroy()
  }
}
