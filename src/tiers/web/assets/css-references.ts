// What a style sheet refers to: `url(...)`, `@import "..."`. A reference to another asset gets that asset's versioned name, so
// that the sheet's own hash changes with what it draws in. Found as CSS Syntax 3 (4.3) has it, so far as that tells a
// reference from a comment or a text that only looks like one.

import { posix } from 'node:path'

/** Comments, strings, and url() without quotes; a string counts as a reference behind `url(` and `@import`. */
const tokens =
  /\/\*.*?\*\/|(?<lead>@import\s+|url\(\s*)?(?:"(?<double>[^"\\\n]*)"|'(?<single>[^'\\\n]*)')|url\(\s*(?<bare>[^"'()\\\s]+)\s*\)/gis

/** Names of assets that the sheet `name` refers to, relative ones resolved; those from elsewhere are left out. */
export function referencesOf(name: string, css: string): string[] {
  const found: string[] = []
  rewriteReferences(name, css, (target) => {
    found.push(target)
    return undefined
  })
  return found
}

/** The sheet with those references changed for which `versioned` has a name. */
export function rewriteReferences(
  name: string,
  css: string,
  versioned: (target: string) => string | undefined,
): string {
  return css.replace(tokens, (token: string, ...rest: unknown[]) => {
    const groups = rest.at(-1) as Record<'lead' | 'double' | 'single' | 'bare', string | undefined>
    const reference = groups.bare ?? (groups.lead === undefined ? undefined : (groups.double ?? groups.single))
    if (reference === undefined) return token
    const [path = '', suffix] = split(reference)
    const target = resolve(name, path)
    const replaced = target === undefined ? undefined : versioned(target)
    if (replaced === undefined) return token
    const relative = posix.relative(posix.dirname(name), replaced)
    return token.replace(reference, () => relative + suffix)
  })
}

/** `icons.svg?v=1#heart` -> `icons.svg` and the rest. */
function split(reference: string): [string, string] {
  const at = reference.search(/[?#]/)
  return at < 0 ? [reference, ''] : [reference.slice(0, at), reference.slice(at)]
}

/** Undefined for what is no path below the assets: another site, `data:`, an absolute path, one that leads out. */
function resolve(name: string, path: string): string | undefined {
  if (path === '' || path.startsWith('/') || /^[a-z][a-z0-9+.-]*:/i.test(path)) return undefined
  const target = posix.normalize(posix.join(posix.dirname(name), path))
  return target.startsWith('..') ? undefined : target
}
