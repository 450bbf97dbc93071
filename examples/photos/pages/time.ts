// How long ago something was, as people say it.

import { type Html, html } from './html.ts'

const minuteMs = 60_000
const hourMs = 60 * minuteMs
const dayMs = 24 * hourMs
const weekMs = 7 * dayMs

export function ago(at: string, nowMs: number = Date.now()): Html {
  return html`<time datetime="${at}" title="${at.slice(0, 16).replace('T', ' ')} UTC">${words(at, nowMs)}</time>`
}

function words(at: string, nowMs: number): string {
  const ageMs = nowMs - Date.parse(at)
  if (ageMs < minuteMs) return 'just now'
  if (ageMs < hourMs) return `${Math.floor(ageMs / minuteMs)} min`
  if (ageMs < dayMs) return `${Math.floor(ageMs / hourMs)} h`
  if (ageMs < weekMs) return `${Math.floor(ageMs / dayMs)} d`
  return dateOf(at)
}

export function dateOf(at: string): string {
  return new Date(at).toLocaleDateString('en', { day: 'numeric', month: 'short', year: 'numeric', timeZone: 'UTC' })
}

export function counted(count: number, one: string, many: string): string {
  return `${count.toLocaleString('en')} ${count === 1 ? one : many}`
}
