// Numbers as people read them: three significant figures and a unit.

export function showRate(perSecond: number): string {
  if (perSecond === 0) return '0/s'
  if (perSecond < 10) return `${trim(perSecond.toFixed(1))}/s`
  if (perSecond < 10_000) return `${Math.round(perSecond)}/s`
  return `${trim((perSecond / 1000).toFixed(1))}k/s`
}

export function showMs(ms: number): string {
  if (ms < 10) return `${trim(ms.toFixed(1))} ms`
  if (ms < 1000) return `${Math.round(ms)} ms`
  return `${trim((ms / 1000).toFixed(2))} s`
}

export function showBytes(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB']
  const power = bytes < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(bytes) / 3))
  const value = bytes / 1000 ** power
  return `${value < 10 && power > 0 ? trim(value.toFixed(1)) : Math.round(value)} ${units[power]}`
}

export function showPercent(percent: number): string {
  return `${percent < 10 ? trim(percent.toFixed(1)) : Math.round(percent)} %`
}

/** 4 s, 3 min, 2 h 5 min, 3 d 2 h. */
export function showDuration(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000))
  if (seconds < 60) return `${seconds} s`
  const minutes = Math.floor(seconds / 60)
  if (minutes < 60) return `${minutes} min`
  const hours = Math.floor(minutes / 60)
  if (hours < 24) return `${hours} h ${minutes % 60} min`
  return `${Math.floor(hours / 24)} d ${hours % 24} h`
}

/** 14:03:22 in local time; the text itself when it is no time. */
export function showTime(iso: string): string {
  const at = new Date(iso)
  return Number.isNaN(at.getTime()) ? iso : at.toLocaleTimeString('en-GB')
}

function trim(decimal: string): string {
  return decimal.replace(/\.0+$/, '')
}
