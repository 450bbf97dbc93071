// Which rule a path falls under, and what the rule makes of its query.

import type { EdgeRule } from './contract.ts'

export const defaultRule: EdgeRule = { path: '*', keep: 'fields' }

export class Rules {
  readonly #rules: ReadonlyArray<{ rule: EdgeRule; fits: (path: string) => boolean }>

  constructor(rules: readonly EdgeRule[]) {
    this.#rules = rules.map((rule) => ({ rule, fits: patternOf(rule.path) }))
  }

  /** `target`: path and query as they are sent on. */
  find(target: string): EdgeRule {
    if (this.#rules.length === 0) return defaultRule
    const path = pathOf(target)
    for (const { rule, fits } of this.#rules) if (fits(path)) return isAmbiguous(path) ? guarded(rule) : rule
    return defaultRule
  }
}

/** The target as it is forwarded and kept under: with the parameters that the rule leaves of it, sorted. */
export function targetUnder({ query = 'all' }: EdgeRule, target: string): string {
  const mark = target.indexOf('?')
  if (mark < 0 || query === 'all') return target
  const path = target.slice(0, mark)
  if (query === 'none') return path
  const kept = target
    .slice(mark + 1)
    .split('&')
    .filter((pair) => query.includes(pair.split('=', 1)[0] as string))
    .sort()
  return kept.length === 0 ? path : `${path}?${kept.join('&')}`
}

export function pathOf(target: string): string {
  const mark = target.indexOf('?')
  return mark < 0 ? target : target.slice(0, mark)
}

/**
 * A path that a server may take apart differently from us: `/account;x.css` or `/account%2f..%2fx.css` shows somebody's own
 * page under a name that looks like an asset (web cache deception). For these only the answer's own fields count.
 */
function isAmbiguous(path: string): boolean {
  return /;|%2f|%5c|%00|%3b|%2e|\\|\/\.\.?(\/|$)/i.test(path)
}

function guarded({ ttlMs: _, ...rule }: EdgeRule): EdgeRule {
  return { ...rule, keep: rule.keep === 'never' ? 'never' : 'fields' }
}

function patternOf(pattern: string): (path: string) => boolean {
  const parts = pattern.split('*')
  if (parts.length === 1) return (path) => path === pattern
  const [start = ''] = parts
  if (parts.length === 2 && parts[1] === '') return (path) => path.startsWith(start)
  const end = parts.at(-1) ?? ''
  const between = parts.slice(1, -1)
  return (path) => {
    if (!path.startsWith(start) || path.length < start.length + end.length || !path.endsWith(end)) return false
    let at = start.length
    for (const part of between) {
      const found = path.indexOf(part, at)
      if (found < 0 || found + part.length > path.length - end.length) return false
      at = found + part.length
    }
    return true
  }
}
