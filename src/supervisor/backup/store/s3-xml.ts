// The little of S3's XML answers that we read: flat elements with text, no attributes that matter, no nesting of the same
// name. Source: Amazon S3 API Reference, ListObjectsV2, ListMultipartUploads, CompleteMultipartUpload, Error.

/** The inside of each element of that name, in order. */
export function elementsOf(xml: string, name: string): string[] {
  return [...xml.matchAll(new RegExp(`<${name}(?:\\s[^>]*)?>(.*?)</${name}>`, 'gs'))].map(([, inside]) => inside ?? '')
}

/** The text of the first element of that name; empty when there is none. */
export function textOf(xml: string, name: string): string {
  return decode(elementsOf(xml, name)[0] ?? '')
}

const entities: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" }

function decode(text: string): string {
  return text.replace(/&(?:#x([0-9a-f]+)|#(\d+)|(\w+));/gi, (whole, hex, decimal, name) => {
    if (hex !== undefined) return String.fromCodePoint(Number.parseInt(hex, 16))
    if (decimal !== undefined) return String.fromCodePoint(Number(decimal))
    return entities[name] ?? whole
  })
}
