// The bearer token: arrives in the address's fragment, which browsers never send to a server, and is kept for this
// tab only. It leaves the address bar at once, so that a shared link or a screenshot does not carry it.

const storageKey = 'tenfold.token'

export function takeToken(): string | null {
  const fragment = new URLSearchParams(location.hash.slice(1))
  const given = fragment.get('token')
  if (given !== null) {
    keepToken(given)
    fragment.delete('token')
    const rest = fragment.toString()
    history.replaceState(history.state, '', location.pathname + location.search + (rest && `#${rest}`))
  }
  return sessionStorage.getItem(storageKey)
}

export function keepToken(token: string): void {
  sessionStorage.setItem(storageKey, token.trim())
}

export function forgetToken(): void {
  sessionStorage.removeItem(storageKey)
}
