// A network between processes and one server, that can be hurt for each process and each of its connections apart.
//
// TCP keeps the order inside of a connection and loses nothing of it but its end. So what a network can do is to make bytes
// late (`delayMs`, and by chance up to so much more), to hold them all for a while and bring them afterwards, even when
// their sender has long given the connection up (`hold`), and to cut: whatever lies on the way is lost, and nobody
// connects. Messages are reordered between connections, when one of them is later than the other. What no network does,
// but a thing in the middle might: word of changes is left out, and nothing else (`mute`).
//
// A process says who it is by its user name, three letters that become `app` on the way.

import { connect, createServer, type Server, type Socket } from 'node:net'
import { type Random, seededRandom } from '../../../src/base/random.ts'
import { freePort } from '../../../src/programs/testing.ts'

/** The connection with word of changes, or the one with everything else. */
export type Lane = 'word' | 'data'

export interface Weather {
  delayMs: number
  /** `strand`: as `hold`, for the connections that there are; new ones are open. */
  mode: 'open' | 'hold' | 'strand' | 'cut' | 'mute'
}

const calm: Weather = { delayMs: 0, mode: 'open' }
/** Bytes that are held on one connection; a sender that goes on is cut. */
const heldBytesMax = 16 * 1024 * 1024

export function userNameOf(index: number): string {
  return `p${String(index).padStart(2, '0')}`
}

interface Passage {
  process: string | undefined
  lane: Lane
  isStranded: boolean
  ends: [Socket, Socket]
  flows: Flow[]
}

export class ServerProxy implements AsyncDisposable {
  readonly port: number
  readonly #server: Server
  readonly #passages = new Set<Passage>()
  readonly #weather = new Map<string, Weather>()
  readonly #random: Random
  readonly #target: number

  private constructor(server: Server, port: number, target: number, seed: number) {
    this.#server = server
    this.port = port
    this.#target = target
    this.#random = seededRandom(seed)
    server.on('connection', (socket) => this.#take(socket))
  }

  static async open(target: number, seed: number): Promise<ServerProxy> {
    const server = createServer({ noDelay: true })
    const port = await freePort()
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(port, '127.0.0.1', resolve)
    })
    return new ServerProxy(server, port, target, seed)
  }

  /** From now on, for connections that there are and that come. */
  set(process: string, lane: Lane, weather: Partial<Weather>): void {
    this.#weather.set(`${process} ${lane}`, { ...calm, ...weather })
    for (const passage of this.#passages) {
      if (passage.process !== process || passage.lane !== lane) continue
      passage.isStranded = weather.mode === 'strand'
      if (weather.mode === 'cut') this.#cut(passage)
      else for (const flow of passage.flows) flow.pump()
    }
  }

  calm(): void {
    this.#weather.clear()
    for (const passage of this.#passages) {
      passage.isStranded = false
      for (const flow of passage.flows) flow.pump()
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const passage of this.#passages) this.#cut(passage)
    await new Promise((resolve) => this.#server.close(resolve))
  }

  #weatherOf({ process, lane }: Passage): Weather {
    return this.#weather.get(`${process} ${lane}`) ?? calm
  }

  #take(client: Socket): void {
    const server = connect({ port: this.#target, host: '127.0.0.1', noDelay: true })
    const passage: Passage = { process: undefined, lane: 'data', isStranded: false, ends: [client, server], flows: [] }
    this.#passages.add(passage)
    const delayMs = () => {
      const { delayMs } = this.#weatherOf(passage)
      return delayMs === 0 ? 0 : delayMs * (1 + this.#random.next())
    }
    const isHeld = () => passage.isStranded || this.#weatherOf(passage).mode === 'hold'
    const up = new Flow(server, delayMs, isHeld)
    const down = new Flow(client, delayMs, isHeld)
    passage.flows.push(up, down)
    client.on('data', (chunk: Buffer) => up.take(this.#recognise(passage, chunk)))
    server.on('data', (chunk: Buffer) => down.take(this.#weatherOf(passage).mode === 'mute' ? muted(chunk) : chunk))
    // What was sent arrives, whether its sender is still there or not; an answer to nobody does not.
    client.on('end', () => up.end())
    server.on('end', () => down.end())
    for (const socket of [client, server]) {
      socket.on('error', () => {}) // `close` follows
      socket.on('close', () => (socket === client ? up.end() : this.#cut(passage)))
    }
  }

  /** Looks for the name, which comes in the first bytes, and for what only the lane of word says. */
  #recognise(passage: Passage, chunk: Buffer): Buffer {
    if (passage.process === undefined) {
      const text = chunk.toString('latin1')
      const name = /\$3\r\n(p\d\d)\r\n/.exec(text)?.[1]
      if (name === undefined) return chunk
      passage.process = name
      if (this.#isCut(passage)) this.#cut(passage)
      return Buffer.from(text.replace(`$3\r\n${name}\r\n`, '$3\r\napp\r\n'), 'latin1')
    }
    if (passage.lane === 'data' && chunk.includes('BCAST')) {
      passage.lane = 'word'
      if (this.#isCut(passage)) this.#cut(passage)
    }
    return chunk
  }

  #isCut(passage: Passage): boolean {
    return this.#weatherOf(passage).mode === 'cut'
  }

  #cut(passage: Passage): void {
    if (!this.#passages.delete(passage)) return
    for (const socket of passage.ends) socket.destroy()
  }
}

/** Without the server's `invalidate` messages (RESP3). */
function muted(chunk: Buffer): Buffer {
  const word = />2\r\n\$10\r\ninvalidate\r\n(?:_\r\n|\*\d+\r\n(?:\$\d+\r\n[^\r]*\r\n)*)/g
  return Buffer.from(chunk.toString('latin1').replace(word, ''), 'latin1')
}

/** One direction of a connection: what came in goes out in its order, and in its time. */
class Flow {
  readonly #to: Socket
  readonly #delayMs: () => number
  readonly #isHeld: () => boolean
  readonly #queue: Array<{ chunk: Buffer; atMs: number }> = []
  #bytes = 0
  #timer: NodeJS.Timeout | undefined
  #isEnding = false

  constructor(to: Socket, delayMs: () => number, isHeld: () => boolean) {
    this.#to = to
    this.#delayMs = delayMs
    this.#isHeld = isHeld
  }

  take(chunk: Buffer): void {
    const lastMs = this.#queue.at(-1)?.atMs ?? 0
    this.#queue.push({ chunk, atMs: Math.max(lastMs, performance.now() + this.#delayMs()) })
    this.#bytes += chunk.length
    if (this.#bytes > heldBytesMax) this.#to.destroy()
    else this.pump()
  }

  end(): void {
    this.#isEnding = true
    this.pump()
  }

  pump(): void {
    clearTimeout(this.#timer)
    if (this.#isHeld()) return
    const now = performance.now()
    for (let next = this.#queue[0]; next; next = this.#queue[0]) {
      if (next.atMs > now) {
        this.#timer = setTimeout(() => this.pump(), next.atMs - now)
        return
      }
      this.#queue.shift()
      this.#bytes -= next.chunk.length
      if (this.#to.writable) this.#to.write(next.chunk)
    }
    if (this.#isEnding) this.#to.end()
  }
}
