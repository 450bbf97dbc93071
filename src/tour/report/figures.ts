// Numbers as people read them.

const grouped = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 })

export function count(value: number): string {
  return grouped.format(value)
}

/** `0.84 ms`, `12.3 ms`, `340 ms`, `1.25 s`: three digits and the unit that fits. */
export function duration(ms: number): string {
  if (ms >= 60_000) return clockTime(ms)
  if (ms >= 1000) return `${digits(ms / 1000)} s`
  return `${digits(ms)} ms`
}

/** `2:05` */
export function clockTime(ms: number): string {
  const seconds = Math.round(ms / 1000)
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`
}

/** Never rounds up to 100 % what is not whole. Worked example: 0.99999 -> `99.999 %`, 1 -> `100 %`. */
export function percent(share: number): string {
  if (share >= 1) return '100 %'
  const decimals = share >= 0.9999 ? 4 : 2
  return `${Math.floor(share * 100 * 10 ** decimals) / 10 ** decimals} %`
}

export function perSecond(value: number): string {
  return value >= 100 ? count(value) : digits(value)
}

function digits(value: number): string {
  if (value >= 100 || Number.isInteger(value)) return count(value)
  return value.toFixed(value >= 10 ? 1 : 2)
}
