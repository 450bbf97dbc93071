// The target and the Host of a request (RFC 9112, 3.2): only forms that every reader takes apart in the same way.

import { byteClasses, COLON, hexValues, hostByte, isText, readDigits, SLASH } from './byte-classes.ts'

const hostBytesMax = 255

/** A name, an IPv4 address or an IPv6 address in brackets, and perhaps a port; nothing else. */
export function isHost(bytes: Uint8Array, start: number, end: number): boolean {
  let at = start
  if (bytes[at] === 91) {
    at++
    while (at < end && isAddressByte(bytes[at] as number)) at++
    if (at - start < 3 || at - start > 46 || bytes[at] !== 93 || at >= end) return false
    at++
  } else {
    while (at < end && ((byteClasses[bytes[at] as number] as number) & hostByte) !== 0) at++
    if (at === start || at - start > hostBytesMax) return false
  }
  return at === end || (bytes[at] === COLON && readDigits(bytes, at + 1, end, 5) >= 0)
}

function isAddressByte(byte: number): boolean {
  return hexValues[byte] !== 255 || byte === COLON || byte === 46
}

/**
 * Of an absolute form, `http://host/path`: where the path begins, or -1 when the target is no http URL. The host lies
 * between `authorityStart` and the path.
 */
export function pathOfAbsolute(bytes: Uint8Array, start: number, end: number): number {
  let at = authorityStart(bytes, start, end)
  if (at < 0) return -1
  while (at < end && bytes[at] !== SLASH && bytes[at] !== 63) at++
  return at
}

/** Behind `http://` or `https://`, or -1. */
export function authorityStart(bytes: Uint8Array, start: number, end: number): number {
  if (start + 7 <= end && isText(bytes, start, start + 7, 'http://')) return start + 7
  if (start + 8 <= end && isText(bytes, start, start + 8, 'https://')) return start + 8
  return -1
}
