// Reads a stream of HTTP/1.1 requests as strictly as the grammar of RFC 9112 allows, and says what it would refuse.
// It shares nothing with the engines, so that a fault of theirs cannot hide here.

const headLine = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+ \/[\x21\x22\x24-\x7e]* HTTP\/1\.1$/
const headerLine = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+:[ \t]*[\t\x20-\x7e\x80-\xff]*$/

export interface StrictReading {
  /** Whole messages. */
  messages: number
  problems: string[]
}

/** `mayBeCut`: the stream may end inside a message; what is there must still be right. */
export function readStrictly(stream: string, { mayBeCut = false } = {}): StrictReading {
  let rest = stream
  let messages = 0
  const problems: string[] = []
  while (rest !== '') {
    const end = rest.indexOf('\r\n\r\n')
    if (end < 0) {
      if (!mayBeCut) problems.push('a head without an end')
      break
    }
    const [first = '', ...lines] = rest.slice(0, end).split('\r\n')
    problems.push(...problemsOfHead(first, lines))
    const length = bodyLength(rest.slice(end + 4), lines)
    if (length === undefined) {
      if (!mayBeCut) problems.push('a body without an end, or a malformed one')
      break
    }
    messages++
    rest = rest.slice(end + 4 + length)
  }
  return { messages, problems }
}

function problemsOfHead(first: string, lines: string[]): string[] {
  const problems: string[] = []
  if (!headLine.test(first)) problems.push(`first line ${JSON.stringify(first)}`)
  for (const line of lines) if (!headerLine.test(line)) problems.push(`header line ${JSON.stringify(line)}`)
  const hosts = valuesOf(lines, 'host')
  const lengths = valuesOf(lines, 'content-length')
  const codings = valuesOf(lines, 'transfer-encoding')
  if (hosts.length !== 1 || !/^[\w.\-:[\]]+$/.test(hosts[0] ?? '')) problems.push(`hosts ${JSON.stringify(hosts)}`)
  if (lengths.length + codings.length > 1) problems.push('more than one framing header')
  if (lengths.some((length) => !/^\d+$/.test(length))) problems.push(`length ${lengths[0]}`)
  if (codings.some((coding) => coding !== 'chunked')) problems.push(`coding ${codings[0]}`)
  return problems
}

/** Undefined when the body is cut or malformed. */
function bodyLength(text: string, lines: string[]): number | undefined {
  if (valuesOf(lines, 'transfer-encoding').length === 0) {
    const length = Number(valuesOf(lines, 'content-length')[0] ?? 0)
    return text.length >= length ? length : undefined
  }
  for (let at = 0; ; ) {
    const size = /^([0-9a-f]{1,16})\r\n/i.exec(text.slice(at, at + 20))
    if (!size) return undefined
    const bytes = Number.parseInt(size[1] as string, 16)
    at += size[0].length + bytes
    if (text.slice(at, at + 2) !== '\r\n') return undefined
    at += 2
    if (bytes === 0) return at
  }
}

function valuesOf(lines: string[], name: string): string[] {
  const own = lines.filter((line) => line.slice(0, line.indexOf(':')).toLowerCase() === name)
  return own.map((line) => line.slice(line.indexOf(':') + 1).trim())
}
