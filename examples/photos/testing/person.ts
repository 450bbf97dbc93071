// A person at a browser, for the tests: keeps the session's cookie, speaks JSON.

import assert from 'node:assert/strict'

export interface Answer {
  status: number
  headers: Headers
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of many shapes
  body: any
}

export class Person {
  id = ''
  readonly name: string
  cookie = ''
  readonly #baseUrl: string

  constructor(baseUrl: string, name: string) {
    this.#baseUrl = baseUrl
    this.name = name
  }

  static async signUp(baseUrl: string, name: string): Promise<Person> {
    const person = new Person(baseUrl, name)
    const { status, body } = await person.post('/api/signup', { name })
    assert.equal(status, 201, JSON.stringify(body))
    person.id = body.id
    return person
  }

  async get(path: string): Promise<Answer> {
    return await this.send(path, {})
  }

  async post(path: string, json?: unknown, headers: Record<string, string> = {}): Promise<Answer> {
    if (json === undefined) return await this.send(path, { method: 'POST', headers })
    const withType = { 'content-type': 'application/json', ...headers }
    return await this.send(path, { method: 'POST', headers: withType, body: JSON.stringify(json) })
  }

  async upload(bytes: Buffer, caption = '', headers: Record<string, string> = {}): Promise<Answer> {
    return await this.send(`/api/photos?caption=${encodeURIComponent(caption)}`, {
      method: 'POST',
      headers: { 'content-type': 'image/jpeg', ...headers },
      body: new Uint8Array(bytes),
    })
  }

  async send(path: string, request: RequestInit): Promise<Answer> {
    const headers = new Headers(request.headers)
    if (this.cookie) headers.set('cookie', this.cookie)
    const response = await fetch(this.#baseUrl + path, { ...request, headers, redirect: 'manual' })
    const [cookie] = response.headers.getSetCookie()
    if (cookie) this.cookie = cookie.split(';', 1)[0] ?? ''
    const isJson = response.headers.get('content-type')?.startsWith('application/json')
    const body = isJson ? await response.json() : Buffer.from(await response.arrayBuffer())
    return { status: response.status, headers: response.headers, body }
  }
}

/** The error's code, once the answer is checked to have the one shape that errors have. */
export function errorOf({ status, body }: Answer): [status: number, code: string] {
  assert.deepEqual(Object.keys(body), ['error'], JSON.stringify(body))
  assert.equal(typeof body.error.message, 'string')
  assert.notEqual(body.error.message, '')
  return [status, body.error.code]
}
