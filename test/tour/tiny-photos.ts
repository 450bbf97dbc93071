// The photo network's API in one small process-less server, for tests of the tour: real HTTP, data in memory, and faults on
// demand, so that a test can show that the tour finds them. The real app is examples/photos.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'

interface Photo {
  id: string
  userId: string
  caption: string
  likes: Set<string>
  comments: Array<{ id: string; userId: string; text: string }>
}

interface User {
  id: string
  name: string
  followers: Set<string>
  photos: Photo[]
}

type Reply = [status: number, body: unknown, cookie?: string]

export class TinyPhotos {
  readonly users = new Map<string, User>()
  /** Answers by Idempotency-Key. */
  readonly kept = new Map<string, Reply>()
  /** Answers 500 to every request whose number this says. */
  failsAt: (requestNumber: number) => boolean = () => false
  requests = 0
  #hold: { left: number; released: Promise<void>; release: () => void } | undefined
  #lastId = 0
  readonly #server: Server = createServer((request, response) => void this.#serve(request, response))

  /** The public address. */
  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve))
    const address = this.#server.address()
    return `http://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  /** No request is answered before so many have come. */
  holdUntil(requests: number): Promise<void> {
    const { promise: released, resolve: release } = Promise.withResolvers<void>()
    this.#hold = { left: requests, released, release }
    return released
  }

  photos(): Photo[] {
    return [...this.users.values()].flatMap((user) => user.photos)
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let text = ''
    for await (const chunk of request) text += chunk
    await this.#held()
    const reply: Reply = this.failsAt(++this.requests) ? [500, { error: {} }] : this.#once(request, text)
    const [status, body, cookie] = reply
    if (Buffer.isBuffer(body)) return void response.writeHead(status, { 'content-type': 'image/jpeg' }).end(body)
    const headers = { 'content-type': 'application/json', ...(cookie ? { 'set-cookie': `sid=${cookie}; Path=/` } : {}) }
    response.writeHead(status, headers).end(JSON.stringify(body))
  }

  #held(): Promise<void> | undefined {
    if (this.#hold && --this.#hold.left <= 0) this.#hold.release()
    return this.#hold?.released
  }

  #once(request: IncomingMessage, text: string): Reply {
    const key = request.headers['idempotency-key']
    const known = this.kept.get(String(key))
    if (key && known) return known
    const reply = this.#answer(request, text)
    if (key) this.kept.set(String(key), reply)
    return reply
  }

  #answer(request: IncomingMessage, text: string): Reply {
    const url = new URL(request.url ?? '/', 'http://tiny')
    const call = `${request.method} ${url.pathname}`
    const me = this.users.get(/sid=(\d+)/.exec(request.headers.cookie ?? '')?.[1] ?? '')
    if (call === 'POST /api/signup') return this.#signUp((JSON.parse(text) as { name: string }).name)
    if (url.pathname.startsWith('/thumbnail')) return [200, Buffer.from('jpeg')]
    const open = request.method === 'GET' ? (this.#ofUser(call, url) ?? this.#ofPhoto(call)) : undefined
    if (open) return open
    if (!me) return [401, { error: { code: 'unauthorized' } }]
    if (call === 'GET /api/me') return [200, { id: me.id, name: me.name }]
    if (call === 'GET /api/feed' || call === 'GET /api/popular') return [200, { photos: [] }]
    if (call === 'POST /api/tips') return [201, { id: this.#nextId() }]
    if (call === 'POST /api/photos') return this.#upload(me, url.searchParams.get('caption') ?? '')
    return this.#ofUser(call, url, me.id) ?? this.#ofPhoto(call, me.id, text) ?? [404, { error: { code: 'not-found' } }]
  }

  #signUp(name: string): Reply {
    const user: User = { id: this.#nextId(), name, followers: new Set(), photos: [] }
    this.users.set(user.id, user)
    return [201, { id: user.id, name }, user.id]
  }

  #upload(me: User, caption: string): Reply {
    me.photos.push({ id: this.#nextId(), userId: me.id, caption, likes: new Set(), comments: [] })
    return [201, { id: me.photos.at(-1)?.id, status: 'processing' }]
  }

  #ofUser(call: string, url: URL, meId = ''): Reply | undefined {
    const [, id = '', rest] = /^\w+ \/api\/users\/(\d+)(\/\w+)?$/.exec(call) ?? []
    const user = this.users.get(id)
    if (!user) return undefined
    if (rest === '/follow') {
      user.followers.add(meId)
      return [200, {}]
    }
    if (rest !== '/photos')
      return [200, { id, name: user.name, followers: user.followers.size, photos: user.photos.length }]
    const newest = user.photos.toReversed()
    const from = newest.findIndex((photo) => photo.id === url.searchParams.get('before')) + 1
    return [200, { photos: newest.slice(from, from + Number(url.searchParams.get('limit'))) }]
  }

  #ofPhoto(call: string, meId = '', text = ''): Reply | undefined {
    const [, userId = '', id, rest] = /^\w+ \/api\/photos\/(\d+)\/(\d+)(\/\w+)?$/.exec(call) ?? []
    const photo = this.users.get(userId)?.photos.find((candidate) => candidate.id === id)
    if (!photo) return undefined
    if (rest === '/like') {
      photo.likes.add(meId)
      return [200, {}]
    }
    if (rest === '/comments') {
      photo.comments.push({ id: this.#nextId(), userId: meId, text: (JSON.parse(text) as { text: string }).text })
      return [201, photo.comments.at(-1)]
    }
    const [likes, commentCount] = [photo.likes.size, photo.comments.length]
    const comments = photo.comments.slice(-100)
    return [200, { ...photo, status: 'ready', likes, commentCount, comments, thumbnails: { 256: '/thumbnail/1' } }]
  }

  #nextId(): string {
    return String(++this.#lastId)
  }
}
