// What the bench asks of each queue, at its best settings for the load (each system's file names them).

export interface Place {
  /** Where the peers' packages are. */
  folder: string
  postgres: { address: string; port: number; owner: string; app: string; mapFile: string }
  redis: { always: { port: number; password: string }; everysec: { port: number; password: string } }
  /** Of this system and round: nothing is shared with another. */
  queue: string
}

export type Payload = { at: number; text: string }

export interface System {
  publish(payload: Payload): Promise<unknown>
  /** The quickest way that it has for many. */
  publishMany(payloads: readonly Payload[]): Promise<unknown>
  /** Resolves when it works; `handle` is called for each job. */
  work(handle: (payload: Payload) => void): Promise<void>
  close(): Promise<void>
}

export type Open = (place: Place) => Promise<System>

export const jobsAtOnce = 16
