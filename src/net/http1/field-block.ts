// The fields of one message as places in its bytes: nothing is copied and no string is made until somebody asks.

import { isText, lowerCase } from './byte-classes.ts'

const placesPerField = 4
const fieldsAtFirst = 24

export class FieldBlock {
  /** Where the message lies. Only valid until the next read of its connection, unless `own` was called. */
  bytes: Buffer = nothing
  /** All places are counted from here. */
  base = 0
  /** Of the head, its empty line included. */
  size = 0
  count = 0
  /** Kind of each field (field-names.ts). */
  kinds = new Uint8Array(fieldsAtFirst)
  /** Of each field: start and end of the name, start and end of the value without the spaces around it. */
  places = new Int32Array(fieldsAtFirst * placesPerField)

  nameStart(index: number): number {
    return this.base + (this.places[index * placesPerField] as number)
  }

  nameEnd(index: number): number {
    return this.base + (this.places[index * placesPerField + 1] as number)
  }

  valueStart(index: number): number {
    return this.base + (this.places[index * placesPerField + 2] as number)
  }

  valueEnd(index: number): number {
    return this.base + (this.places[index * placesPerField + 3] as number)
  }

  /** Behind the line end of a field, which is where the next one begins. */
  lineEnd(index: number): number {
    return index + 1 < this.count ? this.nameStart(index + 1) : this.base + this.size - 2
  }

  /** Each byte as one character, as header fields are read (RFC 9110, 5.5). */
  value(index: number): string {
    return this.bytes.toString('latin1', this.valueStart(index), this.valueEnd(index))
  }

  name(index: number): string {
    return this.bytes.toString('latin1', this.nameStart(index), this.nameEnd(index)).toLowerCase()
  }

  isValue(index: number, text: string): boolean {
    return isText(this.bytes, this.valueStart(index), this.valueEnd(index), text)
  }

  /** The next field of that name from `from` on, or -1. `name` is in small letters. */
  find(name: string, from = 0): number {
    const first = name.charCodeAt(0)
    for (let i = from; i < this.count; i++) {
      const start = this.nameStart(i)
      if (lowerCase[this.bytes[start] as number] === first && isText(this.bytes, start, this.nameEnd(i), name)) return i
    }
    return -1
  }

  /** The next field of that kind from `from` on, or -1. */
  findKind(kind: number, from = 0): number {
    for (let i = from; i < this.count; i++) if (this.kinds[i] === kind) return i
    return -1
  }

  /** Every field as name in small letters and value, for slow paths and tests. */
  entries(): Array<[name: string, value: string]> {
    return Array.from({ length: this.count }, (_, i) => [this.name(i), this.value(i)])
  }

  /** Copies the head out of the read buffer, for those who need it later than now. */
  own(): void {
    if (this.isOwned) return
    const copy = Buffer.allocUnsafe(this.size)
    this.bytes.copy(copy, 0, this.base, this.base + this.size)
    this.bytes = copy
    this.base = 0
    this.isOwned = true
  }

  protected isOwned = false

  protected add(nameStart: number, nameEnd: number, valueStart: number, valueEnd: number, kind: number): void {
    const at = this.count * placesPerField
    if (at === this.places.length) this.#grow()
    const { places } = this
    places[at] = nameStart
    places[at + 1] = nameEnd
    places[at + 2] = valueStart
    places[at + 3] = valueEnd
    this.kinds[this.count++] = kind
  }

  #grow(): void {
    const places = new Int32Array(this.places.length * 2)
    places.set(this.places)
    this.places = places
    const kinds = new Uint8Array(this.kinds.length * 2)
    kinds.set(this.kinds)
    this.kinds = kinds
  }
}

const nothing = Buffer.alloc(0)
