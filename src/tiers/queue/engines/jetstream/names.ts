// What things are called on the server.
//
// Lane: one line of a queue, a priority, which is one subject with one durable consumer. On a work queue no two consumers may
// want the same message, so there is exactly one for each lane.
//
// Neither a token of a subject nor a consumer's name may hold a dot, which a queue's name may; `+` it may not hold.
// Worked example, prefix tenfold: queue `photo.new`, priority 5 -> subject `tenfold.jobs.photo+new.5`, consumer `photo+new=5`.

export const prioritiesMax = 9

export interface Lane {
  queue: string
  /** A priority. */
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

export function laneFor(queue: string, priority = 0): Lane {
  return { queue, name: String(priority) }
}

function isLaneName(name: string): boolean {
  return /^\d$/.test(name)
}

function tokenOf(queue: string): string {
  return queue.replaceAll('.', '+')
}

function queueOf(token: string): string {
  return token.replaceAll('+', '.')
}
