// What the copy of a stream is called on the server. A dot, which a stream's name may hold and a token may not, becomes `+`.
// Worked example, prefix tenfold: stream `photo.events`, lane `s1/0` -> stream `tenfold-stream-photo+events`, subject
// `tenfold.streams.photo+events.s1.0`.

export class StreamNames {
  readonly #prefix: string

  constructor(prefix: string) {
    this.#prefix = prefix
  }

  streamOf(stream: string): string {
    return `${this.#prefix}-stream-${token(stream)}`
  }

  subjectOf(stream: string, lane: string): string {
    return `${this.#prefix}.streams.${token(stream)}.${lane.split('/').map(token).join('.')}`
  }

  subjectsOf(stream: string): string {
    return `${this.#prefix}.streams.${token(stream)}.*.*`
  }
}

function token(name: string): string {
  return name.replaceAll('.', '+')
}
