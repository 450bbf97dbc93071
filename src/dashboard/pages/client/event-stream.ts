// Server-sent events over fetch: EventSource cannot send the Authorization header.
// Source of the format: WHATWG HTML, section 9.2.6, "Interpreting an event stream". What we send never uses `id` or
// `retry`, so they are read over.

export interface StreamEvent {
  name: string
  data: string
}

/** A status of a large system has some hundred kilobytes; more than this is no stream of ours. */
const eventCharsMax = 8 * 1024 * 1024

/** A stream's text, in any pieces, to its events. */
export class EventParser {
  #rest = ''

  push(text: string): StreamEvent[] {
    const lines = (this.#rest + text).split(/\r\n|\n|\r(?!$)/)
    const events: StreamEvent[] = []
    let block: string[] = []
    for (const line of lines.slice(0, -1)) {
      if (line !== '') block.push(line)
      else {
        const event = eventOf(block)
        if (event) events.push(event)
        block = []
      }
    }
    this.#rest = [...block, lines.at(-1)].join('\n')
    if (this.#rest.length > eventCharsMax) throw new Error(`an event is longer than ${eventCharsMax} characters`)
    return events
  }
}

function eventOf(lines: string[]): StreamEvent | undefined {
  let name = 'message'
  const data: string[] = []
  for (const line of lines) {
    const colon = line.indexOf(':')
    const field = colon < 0 ? line : line.slice(0, colon)
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '')
    if (field === 'event') name = value
    if (field === 'data') data.push(value)
  }
  return data.length > 0 ? { name, data: data.join('\n') } : undefined
}

/** Reads one connection until it ends. Resolves when the server closes it, rejects when it breaks. */
export async function readEvents(
  url: string,
  options: { token: string; signal: AbortSignal; onOpen: () => void; onEvent: (event: StreamEvent) => void },
): Promise<void> {
  const { token, signal, onOpen, onEvent } = options
  const response = await fetch(url, {
    headers: { authorization: `Bearer ${token}`, accept: 'text/event-stream' },
    signal,
  })
  if (response.status === 401) throw new UnauthorizedError()
  if (!response.ok || !response.body) throw new Error(`${url} answered ${response.status}`)
  onOpen()
  const parser = new EventParser()
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader()
  for (;;) {
    const { value, done } = await reader.read()
    if (done) return
    for (const event of parser.push(value)) onEvent(event)
  }
}

export class UnauthorizedError extends Error {}
