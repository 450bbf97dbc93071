// Structured fields (RFC 9651, 4.2): only dictionaries, and of their members what a cache needs to know. Strict as the
// format demands: one wrong byte and the whole field counts as absent.

export type BareItem =
  | { type: 'integer' | 'decimal' | 'date'; value: number }
  | { type: 'string' | 'token' | 'bytes' | 'display'; value: string }
  | { type: 'boolean'; value: boolean }
  | { type: 'list' }

const keyStart = /[a-z*]/
const keyRest = /[a-z0-9_.*-]/
const tokenStart = /[A-Za-z*]/
const tokenRest = /[!#$%&'*+.^_`|~0-9A-Za-z:/-]/

/** Undefined when it is none. A key that comes twice has its last value, as the format says. */
export function parseDictionary(text: string): Map<string, BareItem> | undefined {
  const reader = new Reader(text)
  try {
    return reader.dictionary()
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

class Reader {
  readonly #text: string
  #at = 0

  constructor(text: string) {
    this.#text = text
  }

  dictionary(): Map<string, BareItem> {
    const members = new Map<string, BareItem>()
    this.#skip(' ')
    while (!this.#isEnd) {
      const key = this.#key()
      let item: BareItem = { type: 'boolean', value: true }
      if (this.#takes('=')) item = this.#peek === '(' ? this.#list() : this.#bareItem()
      this.#parameters()
      members.delete(key)
      members.set(key, item)
      this.#skip(' \t')
      if (this.#isEnd) return members
      this.#expect(',')
      this.#skip(' \t')
      if (this.#isEnd) throw new SyntaxError('a comma at the end')
    }
    return members
  }

  get #peek(): string {
    return this.#text[this.#at] ?? ''
  }

  get #isEnd(): boolean {
    return this.#at >= this.#text.length
  }

  #skip(chars: string): void {
    while (!this.#isEnd && chars.includes(this.#peek)) this.#at++
  }

  #takes(char: string): boolean {
    if (this.#peek !== char) return false
    this.#at++
    return true
  }

  #expect(char: string): void {
    if (!this.#takes(char)) throw new SyntaxError(`no ${char} at ${this.#at}`)
  }

  #run(first: RegExp, rest: RegExp): string {
    const start = this.#at
    if (!first.test(this.#peek)) throw new SyntaxError(`unexpected ${this.#peek} at ${start}`)
    while (!this.#isEnd && rest.test(this.#peek)) this.#at++
    return this.#text.slice(start, this.#at)
  }

  #key(): string {
    return this.#run(keyStart, keyRest)
  }

  #parameters(): void {
    while (this.#takes(';')) {
      this.#skip(' ')
      this.#key()
      if (this.#takes('=')) this.#bareItem()
    }
  }

  #list(): BareItem {
    this.#expect('(')
    for (;;) {
      this.#skip(' ')
      if (this.#takes(')')) return { type: 'list' }
      this.#bareItem()
      this.#parameters()
      if (this.#peek !== ' ' && this.#peek !== ')') throw new SyntaxError('members of a list without a space')
    }
  }

  #bareItem(): BareItem {
    const char = this.#peek
    if (char === '"') return { type: 'string', value: this.#string() }
    if (char === ':') return { type: 'bytes', value: this.#enclosed(/[A-Za-z0-9+/=]/, ':') }
    if (char === '%') return this.#displayString()
    if (char === '?') return this.#boolean()
    if (char === '@') {
      this.#at++
      const date = this.#number()
      if (date.type !== 'integer') throw new SyntaxError('a date with a fraction')
      return { type: 'date', value: date.value }
    }
    if (tokenStart.test(char)) return { type: 'token', value: this.#run(tokenStart, tokenRest) }
    return this.#number()
  }

  #number(): { type: 'integer' | 'decimal'; value: number } {
    const start = this.#at
    this.#takes('-')
    const whole = this.#run(/\d/, /\d/)
    if (!this.#takes('.')) {
      if (whole.length > 15) throw new SyntaxError('an integer of more than 15 digits')
      return { type: 'integer', value: Number(this.#text.slice(start, this.#at)) }
    }
    const fraction = this.#run(/\d/, /\d/)
    if (whole.length > 12 || fraction.length > 3) throw new SyntaxError('a decimal of too many digits')
    return { type: 'decimal', value: Number(this.#text.slice(start, this.#at)) }
  }

  #string(): string {
    this.#expect('"')
    let value = ''
    for (;;) {
      const char = this.#peek
      this.#at++
      if (char === '"') return value
      if (char === '\\') {
        if (this.#peek !== '"' && this.#peek !== '\\') throw new SyntaxError('a backslash before something else')
        value += this.#peek
        this.#at++
      } else if (char >= ' ' && char <= '~') value += char
      else throw new SyntaxError('a string that does not end')
    }
  }

  #enclosed(allowed: RegExp, mark: string): string {
    this.#expect(mark)
    const start = this.#at
    while (!this.#isEnd && allowed.test(this.#peek)) this.#at++
    const value = this.#text.slice(start, this.#at)
    this.#expect(mark)
    return value
  }

  #displayString(): BareItem {
    this.#expect('%')
    return { type: 'display', value: this.#enclosed(/[ !#-~]/, '"') }
  }

  #boolean(): BareItem {
    this.#expect('?')
    if (this.#takes('1')) return { type: 'boolean', value: true }
    this.#expect('0')
    return { type: 'boolean', value: false }
  }
}
