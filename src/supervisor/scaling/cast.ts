// Since when the same processes of a role are there, which is how long what is measured of them has been true of them.

export interface CastMember {
  id: string
  /** Null while it has no process. */
  pid: number | null
  isReady: boolean
}

export class Cast {
  #known = ''
  #sinceMs = 0

  /** Takes in who is there now. */
  see(members: readonly CastMember[], atMs: number): void {
    const seen = members.map(({ id, pid, isReady }) => `${id} ${pid} ${isReady}`).join()
    if (seen !== this.#known) this.#sinceMs = atMs
    this.#known = seen
  }

  hasStoodFor(ms: number, atMs: number): boolean {
    return atMs - this.#sinceMs >= ms
  }
}
