// What things are called on the server.
//
// Lane: one line of a queue, which is one subject with one durable consumer: a priority, or a share of the keys. On a work
// queue no two consumers may want the same message, so there is exactly one for each lane.
//
// Neither a token of a subject nor a consumer's name may hold a dot, which a queue's name may; `+` it may not hold.
// Worked example, prefix tenfold: queue `photo.new`, priority 5 -> subject `tenfold.jobs.photo+new.5`, consumer `photo+new=5`;
// partition 11 of its keys -> `tenfold.jobs.photo+new.k11`, `photo+new=k11`.

export const partitions = 16
export const prioritiesMax = 9

export interface Lane {
  queue: string
  /** A priority, or `k` and a partition of the keys. */
  name: string
}

export class Names {
  readonly stream: string
  readonly subjects: string
  /** Where it is told that there is a new lane. */
  readonly newLanes: string
  readonly #start: string

  constructor(prefix: string) {
    this.stream = `${prefix}-jobs`
    this.#start = `${prefix}.jobs.`
    this.subjects = `${this.#start}*.*`
    this.newLanes = `${prefix}.new-lanes`
  }

  subjectOf({ queue, name }: Lane): string {
    return `${this.#start}${tokenOf(queue)}.${name}`
  }

  /** Undefined for what is not ours. */
  laneOfSubject(subject: string): Lane | undefined {
    if (!subject.startsWith(this.#start)) return undefined
    const [queue, name] = subject.slice(this.#start.length).split('.')
    return queue && name && isLaneName(name) ? { queue: queueOf(queue), name } : undefined
  }
}

export function consumerOf({ queue, name }: Lane): string {
  return `${tokenOf(queue)}=${name}`
}

/** Undefined for what is not ours. */
export function laneOfConsumer(consumer: string): Lane | undefined {
  const at = consumer.lastIndexOf('=')
  const name = consumer.slice(at + 1)
  return at > 0 && isLaneName(name) ? { queue: queueOf(consumer.slice(0, at)), name } : undefined
}

export function laneFor(queue: string, { key, priority = 0 }: { key?: string; priority?: number }): Lane {
  return { queue, name: key === undefined ? String(priority) : `k${partitionOf(key)}` }
}

/** Jobs of such a lane are handed out one at a time. */
export function isKeyed({ name }: Lane): boolean {
  return name.startsWith('k')
}

/** Higher first; shares of the keys beside priority 0. */
export function rankOf(lane: Lane): number {
  return isKeyed(lane) ? 0 : Number(lane.name)
}

/** FNV-1a, 32 bits (Fowler, Noll, Vo): of `a` it is 0xe40c292c, so partition 12 of 16. */
function partitionOf(key: string): number {
  let hash = 0x811c9dc5
  for (const byte of Buffer.from(key)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0
  return hash % partitions
}

function isLaneName(name: string): boolean {
  return /^(?:\d|k\d{1,2})$/.test(name)
}

function tokenOf(queue: string): string {
  return queue.replaceAll('.', '+')
}

function queueOf(token: string): string {
  return token.replaceAll('+', '.')
}
