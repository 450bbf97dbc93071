// How a check asks the system. The load process gives the way (load/reader.ts); tests may give another.

/** One call of the public API; answers its status, below 500, and its JSON. */
export type Read = (call: ReadCall) => Promise<{ status: number; json: unknown }>

export interface ReadCall {
  method: 'GET' | 'POST'
  path: string
  headers?: Record<string, string>
  body?: string
}
