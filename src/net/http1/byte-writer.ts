// Bytes of a message being put together in one buffer that grows: ranges of other buffers, short texts, numbers.

const copyByHandMax = 48

export class ByteWriter {
  bytes: Buffer
  size = 0

  constructor(bytesAtFirst: number) {
    this.bytes = Buffer.allocUnsafeSlow(bytesAtFirst)
  }

  /** Makes room for so many more bytes. */
  reserve(more: number): void {
    if (this.size + more <= this.bytes.length) return
    const grown = Buffer.allocUnsafeSlow(Math.max(2 * this.bytes.length, this.size + more))
    this.bytes.copy(grown, 0, 0, this.size)
    this.bytes = grown
  }

  put(source: Buffer, start: number, end: number): void {
    this.reserve(end - start)
    const { bytes } = this
    let at = this.size
    // A call into native code costs more than copying a few bytes.
    if (end - start <= copyByHandMax) for (let i = start; i < end; i++) bytes[at++] = source[i] as number
    else at += source.copy(bytes, at, start, end)
    this.size = at
  }

  /** Text of characters below 256, one byte each. */
  text(text: string): void {
    this.reserve(text.length)
    const { bytes } = this
    if (text.length > copyByHandMax) {
      this.size += bytes.write(text, this.size, 'latin1')
      return
    }
    let at = this.size
    for (let i = 0; i < text.length; i++) bytes[at++] = text.charCodeAt(i)
    this.size = at
  }

  decimal(value: number): void {
    this.text(String(value))
  }

  hexadecimal(value: number): void {
    this.text(value.toString(16))
  }

  lineEnd(): void {
    this.reserve(2)
    this.bytes[this.size++] = 13
    this.bytes[this.size++] = 10
  }

  /** What was written, as a view: valid until the next write. */
  view(): Buffer {
    return this.bytes.subarray(0, this.size)
  }
}
