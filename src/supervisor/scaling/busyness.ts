// How busy each process was over the last seconds, from the sums that it tells of itself.
//
// A process is as busy as the scarcer of two things: its event loop, which is one thread, and the cores that its other threads
// share. CPU alone misleads with Node: a loop that is full on a machine of eight cores shows as an eighth, and a collector of
// garbage that uses idle cores shows as load that nobody feels (T. Norris, "Event Loop Utilization", NodeSource, 2020).
// Worked example: 4 s of 5 in the loop and 4.5 s of CPU on 2 cores: the larger of 4 / 5 and 4.5 / (5 * 2), 0.8.

import type { ProcessUse } from '../../processes/process-use.ts'

/** Looks that are kept of one process, whatever the window. */
const looksMax = 128

interface Track {
  pid: number
  looks: Array<{ atMs: number; use: ProcessUse }>
  lastBusy: number | undefined
}

export class Busyness {
  readonly #tracks = new Map<string, Track>()

  /** What a process said. One of another pid begins anew. */
  hear(id: string, pid: number, use: ProcessUse, atMs: number, windowMs: number): void {
    let track = this.#tracks.get(id)
    if (track?.pid !== pid) {
      track = { pid, looks: [], lastBusy: undefined }
      this.#tracks.set(id, track)
    }
    const { looks } = track
    looks.push({ atMs, use })
    // The first that is kept is the last that is a whole window old.
    while (looks.length > looksMax || (looks[1] && atMs - looks[1].atMs >= windowMs)) looks.shift()
    const [first] = looks
    if (first && atMs - first.atMs >= windowMs) track.lastBusy = busyBetween(first.use, use)
  }

  /**
   * Of a process that is ready; undefined until it has been heard for a whole window, since one that has just started is
   * busy with itself. One that says nothing for a window is full: a loop that is blocked answers nobody.
   */
  of(id: string, pid: number, atMs: number, windowMs: number): number | undefined {
    const track = this.#tracks.get(id)
    if (track?.pid !== pid) return undefined
    const last = track.looks.at(-1)
    if (track.lastBusy !== undefined && last && atMs - last.atMs >= windowMs) return 1
    return track.lastBusy
  }

  /** Forgets all but these. */
  keep(ids: ReadonlySet<string>): void {
    for (const id of this.#tracks.keys()) if (!ids.has(id)) this.#tracks.delete(id)
  }
}

/** 0 to 1; 0 when no time has passed. */
export function busyBetween(before: ProcessUse, after: ProcessUse): number {
  const activeMs = after.activeMs - before.activeMs
  const passedMs = activeMs + after.idleMs - before.idleMs
  if (!(passedMs > 0)) return 0
  const cpu = (after.cpuMs - before.cpuMs) / (passedMs * Math.max(1, after.cores))
  return Math.min(1, Math.max(0, activeMs / passedMs, cpu))
}
