// What a byte may be in HTTP/1.1 (RFC 9110, 5.6.2 and 5.5; RFC 3986, 3.3): one table, so that the scanner asks once per byte.

/** A character of a token: names, methods. */
export const tokenByte = 1
/** May stand in a field value: tab, space, visible ASCII, and the bytes above it, which nobody interprets. */
export const valueByte = 2
/** May stand in a request target: visible ASCII without the number sign. */
export const targetByte = 4
export const digitByte = 8
/** `_`: many servers read `x_y` and `x-y` as one name. */
export const underscoreByte = 16
/** A character of a host name or an IPv4 address. */
export const hostByte = 32

export const byteClasses = new Uint8Array(256)

/** The value of a hexadecimal digit; 255 for everything else. */
export const hexValues = new Uint8Array(256).fill(255)

/** Capital letters to small ones, everything else to itself. */
export const lowerCase = new Uint8Array(256)

for (let byte = 0; byte < 256; byte++) {
  const char = String.fromCharCode(byte)
  let bits = 0
  if (/[!#$%&'*+.^_`|~0-9A-Za-z-]/.test(char)) bits |= tokenByte
  if (byte === 9 || (byte >= 0x20 && byte !== 0x7f)) bits |= valueByte
  if (byte > 0x20 && byte < 0x7f && char !== '#') bits |= targetByte
  if (/[0-9]/.test(char)) bits |= digitByte
  if (char === '_') bits |= underscoreByte
  if (/[0-9A-Za-z._-]/.test(char)) bits |= hostByte
  byteClasses[byte] = bits
  if (/[0-9A-Fa-f]/.test(char)) hexValues[byte] = Number.parseInt(char, 16)
  lowerCase[byte] = byte >= 65 && byte <= 90 ? byte + 32 : byte
}

export const CR = 13
export const LF = 10
export const SP = 32
export const TAB = 9
export const COLON = 58
export const SEMICOLON = 59
export const SLASH = 47
export const COMMA = 44

/** Whether bytes are this text, capital letters or not. `text` is in small letters. */
export function isText(bytes: Uint8Array, start: number, end: number, text: string): boolean {
  if (end - start !== text.length) return false
  for (let i = 0; i < text.length; i++) if (lowerCase[bytes[start + i] as number] !== text.charCodeAt(i)) return false
  return true
}

/** A number of 1 to `digitsMax` digits and nothing else; -1 for anything else. */
export function readDigits(bytes: Uint8Array, start: number, end: number, digitsMax = 15): number {
  if (end <= start || end - start > digitsMax) return -1
  let value = 0
  for (let i = start; i < end; i++) {
    const byte = bytes[i] as number
    if (byte < 48 || byte > 57) return -1
    value = value * 10 + byte - 48
  }
  return value
}
