// A virtual user's cookies: names and values only, since all requests go to one site over one path.

export type Cookies = Map<string, string>

/** Takes what an answer set; an expired cookie is dropped. */
export function takeCookies(cookies: Cookies, setCookie: readonly string[]): void {
  for (const line of setCookie) {
    const [pair = '', ...attributes] = line.split(';')
    const at = pair.indexOf('=')
    if (at < 1) continue
    const name = pair.slice(0, at).trim()
    const isExpired = attributes.some((attribute) => /^\s*max-age=0*\s*$/i.test(attribute))
    if (isExpired) cookies.delete(name)
    else cookies.set(name, pair.slice(at + 1).trim())
  }
}

export function cookieHeader(cookies: Cookies): Record<string, string> {
  if (cookies.size === 0) return {}
  return { cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join('; ') }
}
